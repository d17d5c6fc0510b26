"""A listener with a small application behind it, and what its tests do over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from sshcast.http import parsers
from sshcast.http.bounds import Bounds
from sshcast.http.listener import start_http_server

QUICK = Bounds(header_seconds=0.2, body_seconds=0.3, idle_seconds=1)
STACKS = {"uvloop": "httptools", "asyncio": "h11"}
"""What is used where there are wheels, and where there are none: each event loop with its parser."""
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(slots=True)
class Seen:
    """What the application saw: how many requests and bytes, and how its streams ended."""

    requests: int = 0
    address: str = ""
    body: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        routes = [
            Route("/", self.read, methods=["GET", "POST"]),
            Route("/flood", self.flood),
            Route("/silence", self.silence),
            WebSocketRoute("/ws", talk),
        ]
        return Starlette(routes=routes)

    async def read(self, request: Request) -> Response:
        self.requests += 1
        self.address = request.client.host if request.client else ""
        try:
            async for part in request.stream():
                self.body += len(part)
        except ClientDisconnect:
            self.left.set()
        return PlainTextResponse("hello")

    async def flood(self, request: Request) -> Response:
        return StreamingResponse(self.endless())

    async def endless(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65_536
                self.sent += 65_536
                await asyncio.sleep(0)
        finally:
            self.ended.set()

    async def silence(self, request: Request) -> Response:
        return StreamingResponse(self.nothing())

    async def nothing(self) -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            self.ended.set()


def choose_stack(loop: str, patch: pytest.MonkeyPatch) -> tuple[str, dict[str, bool]]:
    """anyio's backend for one of STACKS, whose parser every listener of the test gets."""
    if STACKS[loop] not in parsers.PARSERS:
        pytest.skip("not installed on this platform")
    patch.setattr(parsers, "FASTEST", STACKS[loop])
    return "asyncio", {"use_uvloop": loop == "uvloop"}


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


@asynccontextmanager
async def listening(bounds: Bounds = QUICK) -> AsyncIterator[tuple[int, Seen]]:
    seen = Seen()
    listener = socket.create_server(("127.0.0.1", 0))
    async with start_http_server(seen.app(), listener, bounds=bounds):
        yield listener.getsockname()[1], seen


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer_of(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """One answer's head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head, await reader.readexactly(length)


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What came until the connection was closed; fails when it stays open."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def past_the_deadlines(port: int) -> None:
    """Two connections one after the other, each closed by a deadline of its own."""
    for sent in (b"", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"):
        async with connected(port) as (reader, writer):
            writer.write(sent)
            await closed(reader)


async def trickle(writer: asyncio.StreamWriter, start: bytes) -> None:
    writer.write(start)
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
