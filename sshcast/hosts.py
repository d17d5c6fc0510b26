"""Plain ASGI middleware: answers only for the host names that we are known by, and only to origins that are ours."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sshcast.rest.answers import json_answer

LOCAL = ("localhost", "127.0.0.1", "[::1]")


class HostGuard:
    """Against DNS rebinding and cross-site sockets: Host by an exact list, Origin (when a browser sends one) too."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self.app = app
        self.hosts = {*LOCAL, *(host.lower() for host in hosts)}
        self.origins = {origin.lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(headers)
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": refusal})
        else:
            await denied(refusal)(scope, receive, send)

    def _refusal(self, headers: Headers) -> str | None:
        host = headers.get("host", "").lower()
        if name_of(host) not in self.hosts and host not in self.hosts:
            return "This host name is not served; add it to SSHCAST_ALLOWED_HOSTS."
        origin = headers.get("origin")
        if origin is None or self._ours(origin.lower(), host):
            return None
        return "This origin is not allowed; add it to SSHCAST_ALLOWED_ORIGINS."

    def _ours(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        return origin in self.origins or (parts.scheme in ("http", "https") and parts.netloc == host)


def name_of(host: str) -> str:
    """A Host header's name without its port."""
    return host.rsplit(":", 1)[0] if ":" in host and not host.endswith("]") else host


def denied(message: str) -> Response:
    return json_answer({"code": 403, "message": message, "error": "FORBIDDEN"}, 403)
