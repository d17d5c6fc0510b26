"""The listener's limits on httptools, a parser in C, where it is installed.

Unlike h11 it measures nothing, takes requests without Host, and goes on parsing while an answer is outstanding.
"""

from collections.abc import Callable
from typing import Any

from httptools import HttpParserError
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sshcast.http.bounds import Bounds
from sshcast.http.deadlines import PIECE_BYTES, AnsweringProtocol, Phase, RequestDeadline, build_bad_request
from sshcast.http.idle import IdleConnections

MOST_UNREAD = 64 * 1024


class _HeldFlow(FlowControl):
    """Reads nothing more while enough is waiting behind requests that are not answered yet."""

    def __init__(self, transport: Any, is_held: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._is_held = is_held

    def resume_reading(self) -> None:
        if not self._is_held():
            super().resume_reading()


class BoundedHttpToolsProtocol(HttpToolsProtocol, AnsweringProtocol):
    """uvicorn's protocol on httptools with the limits of the one on h11.

    `cycle` is the request that was parsed last, `_answering` the one that the application has. `_phase` is what comes
    next of the request being parsed; None between two. `_unread` is what came behind a request that waits, and
    `_unfinished_bytes` what was parsed since the last callback.
    """

    def __init__(self, *args: Any, bounds: Bounds, idle: IdleConnections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds = bounds
        self._idle = idle
        self._deadline = RequestDeadline(self, bounds, self.loop)
        self._answering: RequestResponseCycle | None = None
        self._phase: Phase | None = None
        self._head_bytes = 0
        self._unfinished_bytes = 0
        self._body_bytes = 0
        self._unread = b""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flow = _HeldFlow(transport, self._is_held)
        if len(self.connections) > self._bounds.connections:
            transport.close()
        else:
            self._deadline.start(transport)

    def data_received(self, data: bytes) -> None:
        """Parse in pieces until a request has to wait, so that a peer cannot queue them without bound."""
        self._idle.discard(self)
        data, self._unread, start = self._unread + data, b"", 0
        while start < len(data) and not self.pipeline and self._is_open():
            end = start + max(PIECE_BYTES, self._body_bytes)
            self._parse(data[start:end])
            start = end
        self._unread = data[start:] if self.pipeline else b""
        if self._is_held():
            self.flow.pause_reading()
        self._deadline.enter(self._find_awaited())

    def on_response_complete(self) -> None:
        """Start the deadline of a request that came with the last one; idle connections have uvicorn's own."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        self._deadline.enter(None if self.pipeline else self._phase)
        if self._unread and not self.pipeline:
            self.data_received(b"")
        self.flow.resume_reading()
        if not self._is_outstanding():
            self._idle.add(self)

    @property
    def is_answering(self) -> bool:
        return self._is_outstanding() and self._answering is not None and self._answering.response_started

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application too whose answer was outstanding; uvicorn tells only the request parsed last."""
        self._deadline.enter(None)
        self._idle.discard(self)
        if self._is_outstanding() and self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._is_outstanding() and self._answering is not None:
            self._answering.keep_alive = False
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if not self.is_answering and not self.pipeline:
            headers, body = build_bad_request(self._bounds)
            lines = ["HTTP/1.1 400 Bad Request", *(f"{name}: {value}" for name, value in headers.items())]
            self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()

    # Callbacks of the parser. An exception here is answered as what is not HTTP.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase, self._head_bytes, self._unfinished_bytes = Phase.HEAD, 0, 0

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + len(": \r\n"))
        if self._phase is Phase.HEAD:  # what follows a body in chunks is no header
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        self._check_host()
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            raise HttpParserError("a body in another encoding would be passed on as it is")
        if self.parser.should_upgrade() and self._should_upgrade() and self._is_outstanding():
            raise HttpParserError("a WebSocket cannot begin before the last answer has ended")
        lengths = [value for name, value in self.headers if name == b"content-length"]
        self._phase, self._body_bytes = Phase.BODY, int(lengths[0]) if lengths else 0
        self._unfinished_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes = max(0, self._body_bytes - len(body))
        self._unfinished_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._phase, self._body_bytes, self._unfinished_bytes = None, 0, 0

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _parse(self, piece: bytes) -> None:
        """Parse a piece; refuse a line without an end, of which the parser itself keeps any length."""
        self._unfinished_bytes += len(piece)
        super().data_received(piece)
        if self._unfinished_bytes > self._bounds.header_bytes and self._is_open():
            self.send_400_response("")

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._bounds.header_bytes:
            raise HttpParserError("the headers are too large")

    def _check_host(self) -> None:
        """Refuse a request without Host, or with two: the guard of host names and a proxy could read another one."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            raise HttpParserError("Host")

    def _is_open(self) -> bool:
        return not self.transport.is_closing() and self.transport.get_protocol() is self

    def _is_outstanding(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _is_held(self) -> bool:
        return len(self._unread) > MOST_UNREAD

    def _find_awaited(self) -> Phase | None:
        """Return what is waited for after data: not what comes behind a request that is being answered."""
        if self.pipeline or (self._is_outstanding() and self._phase is not Phase.BODY):
            return None
        return self._phase or Phase.HEAD
