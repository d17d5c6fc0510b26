"""Listens on a loop-back port for the one request with which the browser brings the end of a sign-in."""

import hmac
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HOST = "127.0.0.1"
PATH = "/callback"
# A connection that sends nothing, or bit by bit, is cut after so many seconds; the wait goes on meanwhile.
CONNECTION_SECONDS = 10.0
MOST_CONNECTIONS = 32
LONGEST_TARGET = 4096
MOST_FIELDS = 10
# How often the end of the whole wait is looked at, by a person's Ctrl-C too.
POLL_SECONDS = 0.1
CODE = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
REASON = re.compile(r"[a-z_]{1,32}", re.ASCII)
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Connection": "close",
}
WORDS = {
    "en": {
        "done": "The command line has what it needs: go back to it. You may close this window.",
        "refused": "You are not signed in: the command line says why. You may close this window.",
        "unknown": "This is not what the command line waits for. You may close this window.",
    },
    "zh": {
        "done": "命令行已收到所需信息，请返回命令行。您可以关闭此窗口。",
        "refused": "未能登录，原因见命令行。您可以关闭此窗口。",
        "unknown": "这不是命令行所等待的请求。您可以关闭此窗口。",
    },
}


@dataclass(frozen=True, slots=True)
class Callback:
    """What the browser brought: a code, or the reason why there is none."""

    code: str | None = field(default=None, repr=False)
    error: str | None = None


class Listener(ThreadingHTTPServer):
    """Takes the first request at its address that has the right state, and no other."""

    daemon_threads = True
    # Another program may not listen beside this one.
    allow_reuse_address = False
    request_queue_size = 16

    def __init__(self, state: str) -> None:
        super().__init__((HOST, 0), _Handler)
        self._state = state
        self._turn = threading.Lock()
        self._taken: Callback | None = None
        self._answered = threading.Event()
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}{PATH}"

    def wait(self, seconds: float) -> Callback | None:
        """Return the callback; None after so many seconds without one. Ctrl-C interrupts the wait."""
        end = time.monotonic() + seconds
        while not self._answered.wait(POLL_SECONDS):
            if time.monotonic() >= end:
                return None
        return self._taken

    def take(self, found: Sequence[tuple[str, str]]) -> Callback | None:
        """Return what these fields bring, if they are the first with the right state."""
        fields = dict(found)
        state = fields.get("state", "").encode()
        if len(fields) != len(found) or not hmac.compare_digest(state, self._state.encode()):
            return None
        callback = _parse_callback(fields.get("code"), fields.get("error"))
        with self._turn:
            if self._taken is not None or callback is None:
                return None
            self._taken = callback
            return callback

    def end_wait(self) -> None:
        """Let the wait end: the browser has its page, or is gone."""
        self._answered.set()

    def verify_request(self, request: object, client_address: object) -> bool:
        """Take no more connections at once than there are places."""
        return self._places.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, but cut it after a while, whether it is silent or sends bit by bit."""
        deadline = threading.Timer(CONNECTION_SECONDS, _cut, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that were cut: they are not what is waited for."""


class _Handler(BaseHTTPRequestHandler):
    """One connection, which has one request."""

    server: Listener
    server_version = "sshcast"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer the callback with a page; whatever else comes to the port changes nothing."""
        target = urlsplit(self.path)
        if target.path != PATH or not self._is_for_us():
            self._answer(HTTPStatus.NOT_FOUND, "unknown")
            return
        taken = self.server.take(_parse_query(target.query))
        if taken is None:
            self._answer(HTTPStatus.BAD_REQUEST, "unknown")
            return
        try:
            self._answer(HTTPStatus.OK, "refused" if taken.code is None else "done")
        finally:
            self.server.end_wait()

    def _is_for_us(self) -> bool:
        """Tell whether the request names our address: a page elsewhere may have a name that leads here."""
        return self.headers.get_all("Host") == [f"{HOST}:{self.server.port}"] and len(self.path) <= LONGEST_TARGET

    def _answer(self, status: HTTPStatus, what: str) -> None:
        language = "zh" if self.headers.get("Accept-Language", "").lower().startswith("zh") else "en"
        page = (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>sshcast</title></head>'
            f"<body><p>{WORDS[language][what]}</p></body></html>"
        ).encode()
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log: the address of the callback has the code."""


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)


def _parse_callback(code: str | None, error: str | None) -> Callback | None:
    """Return the callback, which has either a code or a reason; None for anything else."""
    if error is None and code is not None and CODE.fullmatch(code):
        return Callback(code=code)
    if code is None and error is not None and REASON.fullmatch(error):
        return Callback(error=error)
    return None


def _parse_query(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return []


@contextmanager
def listen(state: str) -> Iterator[Listener]:
    """Listen on a free port of 127.0.0.1 until the block ends; only the callback with this state counts."""
    with Listener(state) as listener:
        serving = threading.Thread(
            target=listener.serve_forever, args=(POLL_SECONDS,), name="wait for the browser", daemon=True
        )
        serving.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            serving.join()
