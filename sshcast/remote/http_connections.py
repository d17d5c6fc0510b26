"""Sends HTTP requests to one service, by a proxy where the environment names one, and keeps a connection for the next.

By the standard library: what HTTP/2 and asyncio would need takes longer to import than `sshcast run` takes in all.
"""

import base64
import contextlib
import http.client
import importlib
import os
import select
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

KEPT_SECONDS = 3.0
"""Shorter than the service, or a proxy before it, keeps a connection that is idle."""
REDIRECTS = (301, 302, 303, 307, 308)


class NotConnected(Exception):
    """No connection came about, for the reason that is its cause; nothing was sent. Its text names a proxy, if any."""


class AddressInvalid(Exception):
    """The address is none of HTTP or HTTPS."""


class ProxyRefused(Exception):
    """The proxy in between was reached and did not connect us; or there is none that we can speak to."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `authorization`: its user and password, as a header has them."""

    host: str
    port: int
    authorization: str | None = field(repr=False, default=None)

    def get_headers(self) -> dict[str, str]:
        return {} if self.authorization is None else {"Proxy-Authorization": self.authorization}


@dataclass(slots=True)
class Connections:
    """The connections to one service: one that is idle, and those that carry an answer."""

    url: str
    tls: ssl.SSLContext | None
    connect_seconds: float
    _idle: "tuple[http.client.HTTPConnection, float] | None" = None
    _address: SplitResult = field(init=False)
    _proxy: Proxy | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        try:
            self._address = urlsplit(self.url)
            is_known = self._address.scheme in ("http", "https") and self._address.hostname
            if not is_known or self._address.port == 0:
                raise AddressInvalid("write it as https://HOST or https://HOST/PATH")
        except ValueError as error:
            raise AddressInvalid(str(error)) from None

    def close(self) -> None:
        if self._idle is not None:
            self._idle[0].close()
        self._idle = None

    @contextmanager
    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request, and give its answer; after `seconds` of silence raise TimeoutError.

        Raise NotConnected or ProxyRefused if nothing was sent; else OSError and HTTPException tell of a cut.
        """
        connection = self._take_idle() or self._connect()
        is_whole = False
        try:
            connection.sock.settimeout(seconds)
            connection.request(method, self._build_target(path), body, dict(headers) | self._get_proxy_headers())
            answer = connection.getresponse()
            with contextlib.closing(answer):
                yield answer
                is_whole = answer.isclosed() and not answer.will_close
        finally:
            if is_whole and self._idle is None:
                self._idle = (connection, time.monotonic())
            else:
                connection.close()

    def _take_idle(self) -> http.client.HTTPConnection | None:
        """Return the idle connection, unless it is old, or its other end has closed it."""
        if self._idle is None:
            return None
        (connection, since), self._idle = self._idle, None
        if time.monotonic() - since < KEPT_SECONDS and not _has_news(connection):
            return connection
        connection.close()
        return None

    def _connect(self) -> http.client.HTTPConnection:
        try:
            self._proxy = _find_proxy(self._address)
            connection = self._build_connection()
        except ValueError as error:
            raise ProxyRefused(str(error)) from None
        try:
            connection.connect()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            connection.close()
            if isinstance(error, OSError) and str(error).startswith("Tunnel connection failed"):
                raise ProxyRefused(str(error)) from None
            if isinstance(error, UnicodeError):
                raise AddressInvalid(str(error)) from None
            raise NotConnected(f"{self._proxy.host}:{self._proxy.port}" if self._proxy else "") from error
        return connection

    def _build_connection(self) -> http.client.HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        proxy, near = self._proxy, (host, port)
        if proxy is not None:
            near = (proxy.host, proxy.port)
        if self._address.scheme == "http":
            return http.client.HTTPConnection(*near, timeout=self.connect_seconds)
        found = http.client.HTTPSConnection(*near, timeout=self.connect_seconds, context=self.tls)
        if proxy is not None:
            found.set_tunnel(host, port or 443, proxy.get_headers())
        return found

    def _build_target(self, path: str) -> str:
        """Return what the request line names: the path, or for a proxy without a tunnel the whole address."""
        if self._proxy is not None and self._address.scheme == "http":
            return f"{self.url}{path}"
        return f"{self._address.path}{path}"

    def _get_proxy_headers(self) -> dict[str, str]:
        return {} if self._proxy is None or self._address.scheme == "https" else self._proxy.get_headers()


def _has_news(connection: http.client.HTTPConnection) -> bool:
    """Tell whether anything came on a connection that is idle: its other end has closed it then."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _find_proxy(address: SplitResult) -> Proxy | None:
    """Return the proxy that the environment, or the system, names for an address. Raise ValueError if it is of no use.

    What reads those settings takes long to import, so it is only where there may be any.
    """
    if sys.platform != "darwin" and not any(
        name.lower().endswith("_proxy") and os.environ[name] for name in os.environ
    ):
        return None
    requests = importlib.import_module("urllib.request")
    found = requests.getproxies()
    text = found.get(address.scheme) or found.get("all")
    host = f"{address.hostname}:{address.port}" if address.port else address.hostname
    if not text or requests.proxy_bypass(host):
        return None
    return _parse_proxy(text)


def _parse_proxy(text: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"a proxy is given as http://HOST:PORT, and not as {parts.scheme}://{parts.hostname or ''}")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(parts.hostname, parts.port or 80, authorization)
