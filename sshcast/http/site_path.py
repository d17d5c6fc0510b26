"""ASGI middleware that serves everything under a path of its site, such as /sshcast of https://example.com/sshcast.

A proxy may take the path off what it passes on, or leave it there: both are understood. Everything inside knows only
addresses from the top; what leads a client somewhere gets the path put before it here, in headers and in bodies.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE_PATH = re.compile(r"(?i)(;\s*path=)/")
TOP = re.compile(rb'(\bhref=")/(?=")')
OPENAPI = b'"servers":[{"url":"/"}]'
MODULES = ("console", "playground", "assets")
MOST_BYTES = 1024 * 1024
"""What is larger is code of others, which has no address of ours."""
# In a body that is changed: what the client would take of it in another form.
OF_OTHER_FORMS = (b"accept-encoding", b"range", b"if-range")


class Addresses:
    """Puts the path before the addresses in a body. They stand in quotes, or behind the host in a template of a script.

    Scripts under /assets/ name each other by addresses that the page's import map leads to the right place.
    """

    def __init__(self, path: str, heads: Collection[str]) -> None:
        self._path = path.encode()
        self._all = _compile(heads)
        self._but_modules = _compile([head for head in heads if head not in MODULES])
        self._in_html = re.compile(rb'(\b(?:href|src|action)=")/(?=(?:%b)[/"?#])' % _join(heads))
        self._in_text = re.compile(rb"((?:: |POST |, ))/(?=(?:%b)\b)" % _join(heads))

    def complete(self, kind: str, path: str, body: bytes) -> bytes:
        """Return the body of an answer at `path`, of the media type `kind`, with complete addresses."""
        put = rb"\1" + self._path + b"/"
        if kind == "text/html":
            return TOP.sub(put, self._in_html.sub(put, body))
        if kind == "text/plain":
            return self._in_text.sub(put, body)
        if path == "/openapi.json":
            return body.replace(OPENAPI, b'"servers":[{"url":"%b/"}]' % self._path)
        return (self._but_modules if path.startswith("/assets/") else self._all).sub(put, body)


def _join(heads: Collection[str]) -> bytes:
    return "|".join(re.escape(head) for head in sorted(heads)).encode()


def _compile(heads: Collection[str]) -> re.Pattern[bytes]:
    return re.compile(rb"([\"'`(]|location\.(?:host|origin)})/(?=(?:%b)[/\"'`?#$)])" % _join(heads))


class SitePath:
    """The middleware. `heads` are the first parts of the paths of the service's own routes; `path` has another one."""

    def __init__(self, app: ASGIApp, *, path: str, heads: Collection[str]) -> None:
        self.app = app
        self.path = path
        self.addresses = Addresses(path, heads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == self.path:
            await RedirectResponse(f"{self.path}/", 308)(scope, receive, send)
        else:
            await self._serve(self._enter(scope), receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(self, scope, send)
        await self.app(scope, receive, answer.send if scope["type"] == "http" else send)

    def _enter(self, scope: Scope) -> Scope:
        """Return the scope as it would be at the top."""
        path = scope["path"].removeprefix(self.path) if scope["path"].startswith(f"{self.path}/") else scope["path"]
        headers = scope["headers"]
        if scope["type"] == "http" and _may_have_addresses(path):
            headers = [(name, value) for name, value in headers if name not in OF_OTHER_FORMS]
        return {**scope, "path": path, "root_path": self.path, "headers": headers}

    def complete_headers(self, headers: MutableHeaders) -> None:
        place = headers.get("location", "")
        if place.startswith("/") and not place.startswith(f"{self.path}/"):
            headers["location"] = self.path + place
        cookies = headers.getlist("set-cookie")
        del headers["set-cookie"]
        for cookie in cookies:
            headers.append("set-cookie", COOKIE_PATH.sub(rf"\g<1>{self.path}/", cookie))


def _may_have_addresses(path: str) -> bool:
    """Tell whether answers at the path may be pages, scripts, styles or lists of addresses: no output, no data."""
    return not path.startswith("/api/")


@dataclass(slots=True)
class _Answer:
    """An answer on its way. `_start` and `_body` are what is held back until all of it is there."""

    site: SitePath
    scope: Scope
    _send: Send
    _start: Message | None = None
    _body: bytes = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _begin(self, message: Message) -> None:
        self.site.complete_headers(MutableHeaders(scope=message))
        if self._is_changed(Headers(raw=message["headers"])):
            self._start = message
        else:
            await self._send(message)

    def _is_changed(self, headers: Headers) -> bool:
        path, kind = self.scope["path"], _read_kind(headers)
        if self.scope["method"] != "GET" or int(headers.get("content-length", MOST_BYTES + 1)) > MOST_BYTES:
            return False
        if kind in ("application/json", "text/plain"):
            return path in ("/", "/auth/oidc", "/openapi.json")
        return _may_have_addresses(path) and kind in ("text/html", "text/javascript", "text/css")

    async def _finish(self, start: Message) -> None:
        headers = MutableHeaders(scope=start)
        body = self.site.addresses.complete(_read_kind(headers), self.scope["path"], self._body)
        if "content-length" in headers:
            headers["content-length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _read_kind(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip()
