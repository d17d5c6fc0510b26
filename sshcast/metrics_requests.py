"""ASGI middleware that counts requests by route and kind of status, and what streams send."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sshcast.metrics import Metrics

UNMATCHED = "unmatched"
WEBSOCKET = "websocket"
TRANSPORTS = {
    "text/event-stream": "sse",
    "multipart/mixed": "multipart",
    "application/x-ndjson": "ndjson",
    "application/octet-stream": "raw",
}
CONTENT_TYPE = b"content-type"


@dataclass(slots=True)
class OpenAnswer:
    """One answer on its way: its status, and by what it streams, if it does."""

    metrics: Metrics
    status: int = 500
    transport: str | None = None

    def note(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            if self.transport is not None:
                self.metrics.streamed.labels(self.transport).inc(len(message.get("body", b"")))
        elif kind == "websocket.send":
            # Characters: what we send over WebSockets is JSON, nearly all of it ASCII, and encoding it again costs.
            self.metrics.streamed.labels(WEBSOCKET).inc(len(message.get("text") or message.get("bytes") or ""))
        elif kind == "http.response.start":
            self.status = message["status"]
            self._open(_find_transport(message.get("headers", ())))
        elif kind == "websocket.accept":
            self._open(WEBSOCKET)

    def close(self) -> None:
        if self.transport is not None:
            self.metrics.streams.labels(self.transport).dec()

    def _open(self, transport: str | None) -> None:
        self.transport = transport
        if transport is not None:
            self.metrics.streams.labels(transport).inc()


class RequestMeter:
    """Goes around everything else, so that refusals of other middleware are counted too."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        answer = OpenAnswer(self.metrics)

        async def send_and_note(message: Message) -> None:
            answer.note(message)
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            answer.close()
            if scope["type"] == "http":
                self.metrics.note_request(_find_template(scope), answer.status)


def _find_template(scope: Scope) -> str:
    """Return the path of the route as the code writes it, such as /api/tasks/{id}; never the path that was asked."""
    route = scope.get("route")
    return route.path if isinstance(route, Route) else UNMATCHED


def _find_transport(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name.lower() == CONTENT_TYPE:
            return TRANSPORTS.get(value.partition(b";")[0].strip().lower().decode("latin-1"))
    return None
