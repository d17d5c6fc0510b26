"""Plain ASGI middleware: answers only for the host names that we are known by, and only to origins that are ours."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from resolvers.errors import Forbidden
from sshcast.rest.answers import refused

LOCAL = ("localhost", "127.0.0.1", "[::1]")
WEBSOCKET_REFUSED = 4403


class HostGuard:
    """Against DNS rebinding and cross-site sockets: Host by an exact list, Origin (when a browser sends one) too."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self.app = app
        self.hosts = {*LOCAL, *(host.lower() for host in hosts)}
        self.origins = {origin.lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": WEBSOCKET_REFUSED, "reason": refusal.en})
        else:
            await refused(Request(scope), refusal)(scope, receive, send)

    def _refusal(self, headers: Headers) -> Forbidden | None:
        host = headers.get("host", "").lower()
        if name_of(host) not in self.hosts and host not in self.hosts:
            return Forbidden(
                "This host name is not served; add it to SSHCAST_ALLOWED_HOSTS.",
                "不服务此主机名；可将其加入 SSHCAST_ALLOWED_HOSTS。",
            )
        origin = headers.get("origin")
        if origin is None or self._ours(origin.lower(), host):
            return None
        return Forbidden(
            "This origin is not allowed; add it to SSHCAST_ALLOWED_ORIGINS.",
            "不允许此来源；可将其加入 SSHCAST_ALLOWED_ORIGINS。",
        )

    def _ours(self, origin: str, host: str) -> bool:
        """Compared whole: nothing that only starts or ends like ours, or that a parser may read in two ways."""
        return origin in self.origins or origin in (f"http://{host}", f"https://{host}")


def name_of(host: str) -> str:
    """A Host header's name without its port."""
    name, _, port = host.rpartition(":")
    return name if name and port.isascii() and port.isdigit() else host
