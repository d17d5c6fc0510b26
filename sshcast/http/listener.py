"""The HTTP listener: uvicorn with deadlines for requests and limits for peers that stall."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from sshcast.http import parsers
from sshcast.http.bounds import Bounds
from sshcast.http.deadlines import AnsweringProtocol
from sshcast.http.idle import IdleConnections
from sshcast.http.tls import LiveCertificate

TICK_SECONDS = 1


class HttpServer(uvicorn.Server):
    """uvicorn without signal handlers. Set `stopped` to stop it; it is also set when it has ended."""

    def __init__(self, config: uvicorn.Config, bounds: Bounds) -> None:
        super().__init__(config)
        self.bounds = bounds
        self.stopped = asyncio.Event()
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the sockets. uvicorn's own gives a peer a minute for a TLS handshake, and half of one to close."""
        loop, tls = asyncio.get_running_loop(), self.config.ssl
        make_protocol: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        make = partial(make_protocol, config=self.config, server_state=self.server_state, app_state={})
        seconds = (self.bounds.header_seconds, self.bounds.cut_seconds) if tls else (None, None)
        self.servers = [
            await loop.create_server(
                make,
                sock=each,
                ssl=tls,
                backlog=self.config.backlog,
                ssl_handshake_timeout=seconds[0],
                ssl_shutdown_timeout=seconds[1],
            )
            for each in sockets or ()
        ]
        self.started = True
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
            if isinstance(connection, AnsweringProtocol) and connection.is_answering:
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
    app: ASGIApp,
    listener: socket.socket,
    *,
    bounds: Bounds | None = None,
    certificate: LiveCertificate | None = None,
) -> AsyncIterator[HttpServer]:
    """Serve `app` on the bound socket until the block ends; the socket is listening when the block starts."""
    bounds = bounds or Bounds()
    make_protocol = partial(
        parsers.PARSERS[parsers.FASTEST], bounds=bounds, idle=IdleConnections(bounds.idle_connections)
    )
    config = uvicorn.Config(
        app,
        http=make_protocol,  # type: ignore[arg-type]
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
        ssl_context_factory=None if certificate is None else certificate.provide,
    )
    server = HttpServer(config, bounds)
    task = asyncio.create_task(server.serve_on(_set_socket_options(listener, bounds)), name="http server")
    try:
        await server.ready.wait()
        yield server
    finally:
        server.stopped.set()
        await task
