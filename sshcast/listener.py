"""The HTTP listener: uvicorn with a deadline for headers and bounds for peers that stall."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 5.0
SEND_BUFFER = 128 * 1024
STALLED_MS = 30_000
DRAIN_SECONDS = 5


class DeadlineProtocol(H11Protocol):
    """Closes a connection whose request headers are not in after a while: uvicorn itself waits for ever."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _too_slow(self) -> None:
        """A connection that became a WebSocket has another protocol by now, and a deadline of that one's."""
        if self.cycle is None and self.transport.get_protocol() is self:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)


class HttpServer(uvicorn.Server):
    """uvicorn without signal handlers of its own. `stopped` is set to stop it, and when it has ended."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopped = asyncio.Event()
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def serve_on(self, listener: socket.socket) -> None:
        try:
            await self.serve(sockets=[listener])
        finally:
            self.ready.set()
            self.stopped.set()


def bounded(listener: socket.socket) -> socket.socket:
    """Accepted connections inherit both: what is sent waits in a small buffer, and a stalled peer is dropped."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
    return listener


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[HttpServer]:
    """Serve `app` on the bound socket until the block ends; the socket is listening when the block starts."""
    config = uvicorn.Config(
        app,
        http=DeadlineProtocol,
        ws="websockets-sansio",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        ws_max_size=64 * 1024,
        h11_max_incomplete_event_size=16 * 1024,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        proxy_headers=False,
    )
    server = HttpServer(config)
    task = asyncio.create_task(server.serve_on(bounded(listener)), name="http server")
    try:
        await server.ready.wait()
        yield server
    finally:
        server.should_exit = True
        await task
