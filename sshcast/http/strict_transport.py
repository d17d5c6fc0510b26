"""ASGI middleware that has browsers use HTTPS alone for this host from now on (HSTS)."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sshcast.http.hosts import LOCAL, strip_port


class StrictTransport:
    """Adds Strict-Transport-Security for `seconds` to what came by HTTPS; to everything where `is_always_https`.

    Not under a name of this machine: there it would hold for whatever else is developed on it. Not for subdomains,
    which are others' to decide.
    """

    def __init__(self, app: ASGIApp, *, seconds: int, is_always_https: bool) -> None:
        self.app = app
        self.policy = f"max-age={seconds}"
        self.is_always_https = is_always_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Strict-Transport-Security"] = self.policy
            await send(message)

        await self.app(scope, receive, send_with_policy if self._is_meant(scope) else send)

    def _is_meant(self, scope: Scope) -> bool:
        if scope["type"] != "http" or not (self.is_always_https or scope["scheme"] == "https"):
            return False
        return strip_port(Headers(scope=scope).get("host", "").lower()) not in LOCAL
