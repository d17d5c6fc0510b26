"""How requests go to a service: over kept connections, by proxies, and what is told of every way to be cut off."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sshcast.errors import CommandFailed
from sshcast.remote import http_api
from sshcast.remote.api import ConnectionLost, NeverReached
from sshcast.remote.http_api import HttpClient
from tests.support.certificates import Authority
from tests.support.ports import free_port

JSON = b'{"data": {"a": "\xc3\xa9"}}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(JSON) + JSON
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
NEXT = b'event: next\r\ndata: {"data": {"n": %d}}\r\n\r\n'
COMPLETE = b"event: complete\ndata: \n\n"
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@dataclass(slots=True)
class Stub:
    """Another program than a service: gives these answers, one a request, and closes after one that is not whole.

    None is silence. `requests` are those that came, `connections` how many.
    """

    answers: list[bytes | None]
    tls: ssl.SSLContext | None = None
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    end: threading.Event = field(default_factory=threading.Event)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer_all, args=(near,), daemon=True).start()

    def _answer_all(self, near: socket.socket) -> None:
        with suppress(OSError):
            wrapped = near if self.tls is None else self.tls.wrap_socket(near, server_side=True)
            with wrapped:
                while (request := self._read(wrapped)) and self._answer(wrapped, request):
                    pass

    def _read(self, near: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data and (more := near.recv(65_536)):
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        size = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        while len(body) < size:
            body += near.recv(65_536)
        return head + b"\r\n\r\n" + body if data else b""

    def _answer(self, near: socket.socket, request: bytes) -> bool:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if answer is None:
            self.end.wait(30)
            return False
        near.sendall(answer)
        return answer.endswith((JSON, LAST))


@contextmanager
def stub(*answers: bytes | None, tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    found = Stub(list(answers), tls)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found.port = listener.getsockname()[1]
        thread = threading.Thread(target=found.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            found.end.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def client_of(url: str, ca_file: Path | None = None) -> Iterator[HttpClient]:
    found = HttpClient(url, None if ca_file is None else str(ca_file))
    try:
        yield found
    finally:
        found.close()


def ask(client: HttpClient) -> dict[str, object]:
    return client.post("/graphql", {"query": "{ é }"}, "token")


def test_one_connection_serves_request_after_request() -> None:
    with stub(WHOLE, WHOLE, WHOLE) as found, client_of(f"http://127.0.0.1:{found.port}/base") as client:
        assert [ask(client) for _ in range(3)] == [{"data": {"a": "é"}}] * 3
        assert found.connections == 1
    head, _, body = found.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /base/graphql HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer token" in head
    assert json.loads(body) == {"query": "{ é }"}


def test_a_connection_that_was_closed_or_is_old_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    closing = WHOLE + b" "  # which the stub takes for the end of the connection, and the client does not know of
    with stub(closing, WHOLE, WHOLE) as found, client_of(f"http://127.0.0.1:{found.port}") as client:
        ask(client)
        time.sleep(0.2)
        ask(client)
        assert found.connections == 2
        monkeypatch.setattr("sshcast.remote.http_connections.KEPT_SECONDS", 0.0)
        ask(client)
        assert found.connections == 3


def test_a_request_in_mid_stream_takes_a_connection_of_its_own() -> None:
    begun = CHUNKED + chunk(NEXT % 1)
    with stub(begun + chunk(NEXT % 2) + chunk(COMPLETE) + LAST, WHOLE) as found:
        with client_of(f"http://127.0.0.1:{found.port}") as client:
            stream = client.stream("/graphql", {}, "token")
            assert next(stream) == {"data": {"n": 1}}
            ask(client)
            assert [*stream] == [{"data": {"n": 2}}]
        assert found.connections == 2


def test_events_come_whole_however_they_are_cut_into_pieces() -> None:
    text = b": heartbeat\n\n" + NEXT % 1 + b"id: 3\r\n\r\n" + NEXT % 2 + COMPLETE
    pieces = b"".join(chunk(text[place : place + 3]) for place in range(0, len(text), 3))
    with stub(CHUNKED + pieces + LAST) as found, client_of(f"http://127.0.0.1:{found.port}") as client:
        assert [*client.stream("/graphql", {}, "token")] == [{"data": {"n": 1}}, {"data": {"n": 2}}]


CUTS = {
    "without an answer": b"",
    "in its head": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "in its body": WHOLE[:-5],
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
}


@pytest.mark.parametrize("answer", CUTS.values(), ids=CUTS.keys())
@pytest.mark.parametrize("is_tls", [False, True])
def test_an_answer_that_is_cut_is_lost_and_the_service_was_reached(answer: bytes, is_tls: bool, tmp_path: Path) -> None:
    """Who started something asks again with the same key then, which they would not if nothing had been asked."""
    authority = Authority.make(tmp_path, "authority")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.sign("localhost"))
    with stub(answer, tls=tls if is_tls else None) as found:
        url = f"https://localhost:{found.port}" if is_tls else f"http://localhost:{found.port}"
        with client_of(url, authority.file) as client, pytest.raises(ConnectionLost, match="was cut: ") as raised:
            ask(client)
        assert not isinstance(raised.value, NeverReached)
        assert len(found.requests) == 1


@pytest.mark.parametrize(
    "pieces",
    [chunk(NEXT % 1), chunk(NEXT % 1 + b"event: next\ndata: {"), chunk(NEXT % 1) + LAST],
)
def test_a_stream_that_is_cut_gives_its_whole_events_and_is_lost(pieces: bytes) -> None:
    with stub(CHUNKED + pieces) as found, client_of(f"http://127.0.0.1:{found.port}") as client:
        stream = client.stream("/graphql", {}, "token")
        assert next(stream) == {"data": {"n": 1}}
        with pytest.raises(ConnectionLost, match="was cut"):
            next(stream)


def test_silence_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_api, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(http_api, "SILENCE_SECONDS", 0.2)
    with stub(None, None) as found, client_of(f"http://127.0.0.1:{found.port}") as client:
        with pytest.raises(ConnectionLost, match="did not answer in time"):
            ask(client)
        with pytest.raises(ConnectionLost, match="did not answer in time"):
            next(client.stream("/graphql", {}, "token"))


def test_who_does_not_listen_was_never_reached() -> None:
    with client_of(f"http://127.0.0.1:{free_port()}") as client, pytest.raises(NeverReached, match="cannot be reached"):
        ask(client)


@pytest.mark.parametrize("url", ["ftp://a", "https://", "http://a:x", "http://a:99999", "http://a b", "a"])
def test_an_address_that_is_none_is_told_so(url: str) -> None:
    with pytest.raises(CommandFailed, match="is no address of a service: ") as raised:
        ask(HttpClient(url))
    assert not isinstance(raised.value, ConnectionLost)


def test_http_goes_by_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(WHOLE, WHOLE) as found, client_of("http://sshcast.invalid/base") as client:
        monkeypatch.setenv("http_proxy", f"http://me:se%20cret@127.0.0.1:{found.port}")
        ask(client)
        ask(client)
        assert found.connections == 1
    assert found.requests[1].startswith(b"POST http://sshcast.invalid/base/graphql HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6c2UgY3JldA==\r\n" in found.requests[1]


def test_https_asks_the_proxy_for_a_tunnel_and_tells_of_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(b"HTTP/1.1 407 Who are you\r\n\r\n") as found, client_of("https://sshcast.invalid") as client:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{found.port}")
        with pytest.raises(NeverReached, match=r"the proxy for https://sshcast.invalid refused: .*407 Who are you"):
            ask(client)
    assert found.requests[0].startswith(b"CONNECT sshcast.invalid:443 HTTP/1.")
    assert b"Bearer" not in found.requests[0]


def test_no_proxy_and_a_proxy_that_is_away_or_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    away = free_port()
    with stub(WHOLE) as found, client_of(f"http://127.0.0.1:{found.port}") as client:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@127.0.0.1:{away}")
        monkeypatch.setenv("NO_PROXY", "example.com,127.0.0.1")
        ask(client)
        monkeypatch.delenv("NO_PROXY")
    with client_of("http://sshcast.invalid") as client:
        with pytest.raises(NeverReached, match=rf"\(by the proxy 127.0.0.1:{away}\) cannot be reached") as raised:
            ask(client)
        assert "secret" not in str(raised.value)
        monkeypatch.setenv("HTTP_PROXY", "socks5://me:secret@127.0.0.1:1080")
        with pytest.raises(NeverReached, match="a proxy is given as http://HOST:PORT") as raised:
            ask(client)
        assert "secret" not in str(raised.value)
