"""A piece of network in front of a service that cuts streams in mid-answer; short requests and answers pass.

A connection carries a stream once its client has asked for one: a WebSocket, Server-Sent Events, a GraphQL
subscription or a log. Of the first such connection 1 KB of the answer arrives, of the second 60 KB, of the third
400 KB; whatever comes after the last cut flows. The first and third end with a reset, the second with a plain end, as
when a proxy on the way is restarted. After the first cut it can turn new connections away for a while.
"""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ANSWER_BYTES = (1_000, 60_000, 400_000)
# Accept must begin with it: urql's HTTP client names text/event-stream among others in every request.
STREAM_REQUEST = re.compile(rb"upgrade: *websocket|\r\naccept: *text/event-stream|subscription|/log[? ]", re.IGNORECASE)
LONGEST_REQUEST = 65_536
BLOCK = 16_384
RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class CuttingProxy:
    """`url`: where it listens. `cuts`: how many it has made. `streams`: how many connections carried a stream.

    `refusals`: how many connections it still turns away once it has cut.
    """

    host: str
    port: int
    limits: tuple[int, ...]
    refusals: int = 0
    url: str = ""
    cuts: int = 0
    streams: int = 0
    _links: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; whatever becomes of it, both sides are closed at the end."""
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        try:
            if self._refuses():
                return
            with suppress(OSError):
                far = await asyncio.open_connection(self.host, self.port)
                await _Link(self, (reader, writer), far).run()
        finally:
            writer.transport.abort()
            self._links.discard(link)

    def _refuses(self) -> bool:
        refused = self.cuts > 0 and self.refusals > 0
        self.refusals -= refused
        return refused

    def take_limit(self) -> int | None:
        """Return after how many bytes of its answer the next stream is cut; None if it is not."""
        self.streams += 1
        return self.limits[self.cuts] if self.cuts < len(self.limits) else None

    async def stop(self) -> None:
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)


@dataclass(slots=True)
class _Link:
    """One connection of a client, and ours to the service."""

    proxy: CuttingProxy
    near: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    far: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    asked: bytes = b""
    is_stream: bool = False
    left: int | None = None

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_requests(), name="requests")
                group.create_task(self._pass_answers(), name="answers")
        except* (OSError, EOFError):
            pass
        finally:
            self.far[1].transport.abort()

    async def _pass_requests(self) -> None:
        while data := await self.near[0].read(BLOCK):
            self._recognize(data)
            self.far[1].write(data)
            await self.far[1].drain()
        raise EOFError

    def _recognize(self, data: bytes) -> None:
        if self.is_stream:
            return
        self.asked = (self.asked + data)[-LONGEST_REQUEST:]
        if STREAM_REQUEST.search(self.asked):
            self.is_stream, self.left = True, self.proxy.take_limit()

    async def _pass_answers(self) -> None:
        while data := await self.far[0].read(BLOCK):
            self.near[1].write(data if self.left is None else data[: self.left])
            await self.near[1].drain()
            if self.left is not None:
                self.left -= len(data)
                if self.left <= 0:
                    self._cut()
        raise EOFError

    def _cut(self) -> None:
        self.proxy.cuts += 1
        if self.proxy.cuts % 2:
            found: socket.socket = self.near[1].get_extra_info("socket")
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        raise EOFError


@asynccontextmanager
async def cutting_proxy(url: str, *, cuts: int = len(ANSWER_BYTES), refusals: int = 0) -> AsyncIterator[CuttingProxy]:
    """Stand in front of the service at `url`, on a loopback port, and cut its first `cuts` streams.

    After the first cut, turn the next `refusals` connections away.
    """
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    proxy = CuttingProxy(address.hostname, address.port, ANSWER_BYTES[:cuts], refusals)
    async with AsyncExitStack() as stack:
        server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
        stack.callback(server.close)
        stack.push_async_callback(proxy.stop)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
