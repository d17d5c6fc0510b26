"""ASGI middleware that serves only configured host names, and only allowed origins."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from resolvers.errors import Forbidden
from sshcast.http.answers import build_error_answer

LOCAL = ("localhost", "127.0.0.1", "[::1]")
WEBSOCKET_REFUSED = 4403
DEFAULT_PORTS = {"http": 80, "https": 443}
# What may be shown again of what a caller sent: host names and origins are no longer, and have nothing else in them.
HOST = re.compile(r"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")


class HostGuard:
    """Prevents DNS rebinding and cross-site WebSockets by exact lists for Host, and for Origin if a browser sends one.

    `site` is the public URL, which is always served and whose origin is allowed, whatever Host a proxy passes on.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], origins: Iterable[str], site: str | None = None) -> None:
        self.app = app
        self.hosts = {*LOCAL, *(host.lower() for host in hosts)}
        self.origins = {_origin_of(origin) for origin in origins}
        if site is not None:
            self.hosts.add(_host_of(site))
            self.origins.add(_origin_of(site))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._find_refusal(Headers(scope=scope)) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": WEBSOCKET_REFUSED})  # before it is open: 403, without words
        else:
            await build_error_answer(Request(scope), refusal)(scope, receive, send)

    def _find_refusal(self, headers: Headers) -> Forbidden | None:
        host = headers.get("host", "").lower()
        if strip_port(host) not in self.hosts and host not in self.hosts:
            return _host_refusal(host)
        origin = headers.get("origin")
        if origin is None or self._is_our_origin(origin.lower(), host):
            return None
        return _origin_refusal(origin.lower())

    def _is_our_origin(self, origin: str, host: str) -> bool:
        """Compare the whole origin: nothing that only starts or ends alike, or that parsers may read in two ways.

        Browsers leave a scheme's default port out of an origin; proxies may write it into Host.
        """
        return origin in self.origins or origin in (
            f"http://{host.removesuffix(':80')}",
            f"https://{host.removesuffix(':443')}",
        )


def _host_refusal(host: str) -> Forbidden:
    name = host if HOST.fullmatch(host) else "sshcast.example.com"
    return Forbidden(
        f"This host name is not served. If it is where browsers find this service, set SSHCAST_PUBLIC_URL, such as "
        f"https://{name}, with the port that the browser shows; else add it to SSHCAST_ALLOWED_HOSTS.",
        f"不服务此主机名。如果浏览器正是由此访问本服务，请设置 SSHCAST_PUBLIC_URL，例如 https://{name}"
        "（带上浏览器显示的端口）；否则将其加入 SSHCAST_ALLOWED_HOSTS。",
    )


def _origin_refusal(origin: str) -> Forbidden:
    """Return the refusal, with the setting's value to use if the origin can be one: https, or on this machine."""
    scheme, _, host = origin.partition("://")
    if HOST.fullmatch(host) and (scheme == "https" or (scheme == "http" and strip_port(host) in LOCAL)):
        return Forbidden(
            "This origin is not allowed. If it is this service's own address behind a proxy, set "
            f"SSHCAST_PUBLIC_URL={origin} and start the service again; if it is another site's, add it to "
            "SSHCAST_ALLOWED_ORIGINS.",
            f"不允许此来源。如果它是本服务在代理之后的地址，请设置 SSHCAST_PUBLIC_URL={origin} 并重启服务；"
            "如果它属于其他站点，请将其加入 SSHCAST_ALLOWED_ORIGINS。",
        )
    return Forbidden(
        "This origin is not allowed. If it is this service's own address behind a proxy, let the proxy pass the Host "
        "header on as it came, with its port; if it is another site's, add it to SSHCAST_ALLOWED_ORIGINS.",
        "不允许此来源。如果它是本服务在代理之后的地址，请让代理原样传递 Host 头，包括端口；"
        "如果它属于其他站点，请将其加入 SSHCAST_ALLOWED_ORIGINS。",
    )


def strip_port(host: str) -> str:
    """Return the name in a Host header without its port."""
    name, _, port = host.rpartition(":")
    return name if name and port.isascii() and port.isdigit() else host


def _host_of(url: str) -> str:
    """Return a URL's host as browsers send it: lower case, no port, punycode, brackets around IPv6."""
    name = (urlsplit(url).hostname or "").lower()
    if ":" in name:
        return f"[{name}]"
    return name if name.isascii() else name.encode("idna").decode()


def _origin_of(url: str) -> str:
    """Return a URL's origin as browsers send it: without a path and without the scheme's default port."""
    found = urlsplit(url)
    if found.scheme not in DEFAULT_PORTS or not found.hostname:
        return url.lower()
    port = "" if found.port in (None, DEFAULT_PORTS[found.scheme]) else f":{found.port}"
    return f"{found.scheme}://{_host_of(url)}{port}"
