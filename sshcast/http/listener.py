"""The HTTP listener: uvicorn with deadlines for requests and limits for peers that stall."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import h11
import orjson
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sshcast.http.answers import HEADERS

MOST_CONNECTIONS = 10_000
PIECE_BYTES = 4096
TICK_SECONDS = 1


def compute_connection_limit() -> int:
    """Return half of this process's file descriptors: the rest is for the database and SSH."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits of a peer: seconds for a request's headers and its body, bytes, and how long it may stall.

    Only `proxies` (addresses or networks) are trusted to name the client (X-Forwarded-For, -Proto).
    At a stop, requests have `drain_seconds` to be answered; an answer that has begun has `cut_seconds` to end.
    """

    header_seconds: float = 5.0
    body_seconds: float = 10.0
    header_bytes: int = 16 * 1024
    idle_seconds: int = 5
    stalled_ms: int = 30_000
    send_buffer_bytes: int = 128 * 1024
    drain_seconds: int = 5
    cut_seconds: float = 1.0
    proxies: tuple[str, ...] = ()
    connections: int = field(default_factory=compute_connection_limit)


class BoundedProtocol(H11Protocol):
    """Closes a connection whose request takes too long to arrive: uvicorn itself waits for ever.

    The headers and the body each have one deadline, which single bytes in between do not extend.
    """

    def __init__(self, *args: Any, bounds: Bounds, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bounds = bounds
        self._phase: Any = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            transport.close()
        else:
            self._enter_phase(h11.IDLE)

    def data_received(self, data: bytes) -> None:
        """Pass data to the parser in pieces, as it measures only headers that are incomplete."""
        start = 0
        while start < len(data) and not self.transport.is_closing() and self.transport.get_protocol() is self:
            end = start + PIECE_BYTES if self.conn.their_state is h11.IDLE else len(data)
            super().data_received(data[start:end])
            start = end
        self._enter_phase(self.conn.their_state)

    def on_response_complete(self) -> None:
        """Start the deadline of a request that came with the last one; idle connections have uvicorn's own."""
        super().on_response_complete()
        self._enter_phase(self.conn.their_state if self.conn.their_state is h11.SEND_BODY else None)

    @property
    def is_answering(self) -> bool:
        """Tell whether an answer has begun and not ended."""
        return self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        self._enter_phase(None)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP in the shape of every other answer."""
        message = f"This is not a valid HTTP request, or its headers are over {self.bounds.header_bytes} bytes."
        body = orjson.dumps({"code": 400, "message": message, "error": "INVALID"})
        fixed = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
        headers = list((HEADERS | fixed).items())
        answer = (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage())
        with suppress(h11.LocalProtocolError):  # another answer is on its way
            for event in answer:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _enter_phase(self, phase: Any) -> None:
        if phase is self._phase:
            return
        self._phase = phase
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        seconds = {h11.IDLE: self.bounds.header_seconds, h11.SEND_BODY: self.bounds.body_seconds}.get(phase)
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, self._close_late)

    def _close_late(self) -> None:
        """Close the connection, unless it became a WebSocket, which has another protocol and deadline."""
        if self.transport.get_protocol() is self:
            self.transport.close()


class HttpServer(uvicorn.Server):
    """uvicorn without signal handlers. Set `stopped` to stop it; it is also set when it has ended."""

    def __init__(self, config: uvicorn.Config, bounds: Bounds) -> None:
        super().__init__(config)
        self.bounds = bounds
        self.stopped = asyncio.Event()
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Update the Date header once a second; uvicorn's own loop wakes ten times a second."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self.stopped.wait()
                    self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut open streams, which would delay the stop until they end; their readers resume by cursor."""
        cutting = asyncio.get_running_loop().call_later(self.bounds.cut_seconds, self._cut_connections)
        try:
            await super().shutdown(sockets)
        finally:
            cutting.cancel()

    def _cut_connections(self) -> None:
        """Cut connections, also those that arrived while uvicorn closed the idle ones."""
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, BoundedProtocol) and connection.is_answering:
                connection.transport.close()
            else:
                connection.shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def serve_on(self, listener: socket.socket) -> None:
        try:
            await self.serve(sockets=[listener])
        finally:
            self.ready.set()
            self.stopped.set()


def _set_socket_options(listener: socket.socket, bounds: Bounds) -> socket.socket:
    """Set options that accepted connections inherit: no delay, a small buffer, a timeout for peers that stall.

    asyncio turns Nagle's algorithm off only for sockets that were made with proto=IPPROTO_TCP; with it, each answer on
    a kept connection waits 40 ms for the acknowledgement of its own headers.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, bounds.send_buffer_bytes)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, bounds.stalled_ms)
    return listener


@asynccontextmanager
async def start_http_server(
    app: ASGIApp, listener: socket.socket, *, bounds: Bounds | None = None
) -> AsyncIterator[HttpServer]:
    """Serve `app` on the bound socket until the block ends; the socket is listening when the block starts."""
    bounds = bounds or Bounds()
    config = uvicorn.Config(
        app,
        http=partial(BoundedProtocol, bounds=bounds),  # type: ignore[arg-type]
        ws="websockets-sansio",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        ws_max_size=64 * 1024,
        h11_max_incomplete_event_size=bounds.header_bytes,
        timeout_keep_alive=bounds.idle_seconds,
        timeout_graceful_shutdown=bounds.drain_seconds,
        proxy_headers=bool(bounds.proxies),
        forwarded_allow_ips=list(bounds.proxies),
    )
    server = HttpServer(config, bounds)
    task = asyncio.create_task(server.serve_on(_set_socket_options(listener, bounds)), name="http server")
    try:
        await server.ready.wait()
        yield server
    finally:
        server.stopped.set()
        await task
