"""What may be at a service's address in place of the service: other programs, an old version, and nothing at all."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import orjson

from tests.support.ports import free_port

ACCESS, REFRESH = "access-7h3-t0ken", "refresh-7h3-t0ken"
PAGE = b"<!doctype html><title>Welcome to nginx!</title><h1>It works</h1>"
OLD = {"errors": [{"message": 'Cannot query field "brandNew" on type "Query".', "extensions": {"code": "INVALID"}}]}
STRANGER = {"errors": [{"message": "Sign in first.", "extensions": {"code": "UNAUTHENTICATED"}}]}
ENDED = {
    "errors": [{"code": "UNAUTHENTICATED", "field": ["refreshToken"], "message": "This session has ended."}],
    "tokens": None,
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One kind. `answer`: the bytes to a request; None for silence, b"" for a connection that is cut at once.

    `status`: with what a command exits. `words`: what its sentence says, in English and in Chinese.
    """

    name: str
    answer: bytes | None
    words: tuple[str, str]
    status: int = 1
    scheme: str = "http"
    is_listening: bool = True
    renewal: bytes | None = None


def _build(status: str, kind: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def _build_json(body: object, status: str = "200 OK") -> bytes:
    return _build(status, "application/json", orjson.dumps(body))


NO_ANSWER_OF_SSHCAST = ("no answer of sshcast", "不是 sshcast")
NOT_GRAPHQL = ("is it the address of an sshcast service", "是 sshcast 服务的地址吗")
KINDS = (
    Wrong("nothing there", None, ("cannot be reached", "无法连接"), is_listening=False),
    Wrong("plain HTTP", _build("400 Bad Request", "text/html", PAGE), ("does it speak HTTPS", "HTTPS"), scheme="https"),
    Wrong("a page", _build("200 OK", "text/html", PAGE), NO_ANSWER_OF_SSHCAST),
    Wrong("404", _build("404 Not Found", "text/html", PAGE), NO_ANSWER_OF_SSHCAST),
    Wrong(
        "a redirect",
        _build("302 Found", "text/html", b"", "Location: https://sso.example/start"),
        ("sends on to https://sso.example/start", "转到 https://sso.example/start"),
    ),
    Wrong("502", _build("502 Bad Gateway", "text/html", PAGE), ("not there", "不在")),
    Wrong("a JSON list", _build_json(["ok"]), NO_ANSWER_OF_SSHCAST),
    Wrong("other JSON", _build_json({"status": "ok"}), NOT_GRAPHQL),
    Wrong("no fields", _build_json({"data": {}}), NOT_GRAPHQL),
    Wrong("fields that are null", _build_json({"data": {"servers": None}}), NOT_GRAPHQL),
    Wrong("errors as a text", _build_json({"errors": "nope"}, "400 Bad Request"), NOT_GRAPHQL),
    Wrong("errors as an object", _build_json({"errors": {"message": "nope"}}), NOT_GRAPHQL),
    Wrong("cut at once", b"", ("was cut", "已断开")),
    Wrong("cut in the answer", _build_json({"data": {"servers": "x" * 999}})[:200], ("was cut", "已断开")),
    Wrong("silence", None, ("did not answer in time", "没有及时应答")),
    Wrong("an old service", _build_json(OLD, "400 Bad Request"), ("another version", "版本")),
    Wrong(
        "an ended session",
        _build_json(STRANGER, "401 Unauthorized"),
        ("sign in with `sshcast login", "`sshcast login"),
        status=2,
        renewal=_build_json({"data": {"refresh": ENDED}}),
    ),
)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    wrong: Wrong


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with suppress(OSError):
            wrong = self.server.wrong
            request = self._read() if wrong.scheme == "http" else self.request.recv(65536)
            if wrong.renewal is not None and b"mutation Refresh" in request:
                self.wfile.write(wrong.renewal)
            elif wrong.answer is not None:
                self.wfile.write(wrong.answer)
            else:
                self.rfile.read(1)  # until the other side has had enough

    def _read(self) -> bytes:
        length = 0
        while (line := self.rfile.readline(65536).strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return self.rfile.read(length)


@contextmanager
def standing_in(wrong: Wrong) -> Iterator[str]:
    """Have it at an address of this machine, until the block ends. The address."""
    if not wrong.is_listening:
        yield f"{wrong.scheme}://127.0.0.1:{free_port()}"
        return
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.wrong = wrong
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name=wrong.name)
        thread.start()
        try:
            yield f"{wrong.scheme}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(10)
