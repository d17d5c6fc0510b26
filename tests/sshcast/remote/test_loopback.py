"""The loop-back port of a sign-in: only the one callback counts, whatever else comes, and nobody can hold it up."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import pytest

from sshcast.remote import loopback
from sshcast.remote.browser_sign_in import BrowserSignIn, BrowserSignInFailed
from sshcast.remote.loopback import Callback, Listener, listen
from tests.support.commands import ROOT

STATE = "the-state-of-this-sign-in"
GOOD = f"/callback?code=the-code&state={STATE}"
PROGRAM = """
import sys
from sshcast.remote.browser_sign_in import BrowserSignIn
say = lambda line: print(line, flush=True)
BrowserSignIn(url="http://127.0.0.1:1", post=dict, say=say, open_page=len).sign_in()
"""


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listen(STATE) as found:
        yield found


def get(listener: Listener, target: str, method: str = "GET", **headers: str) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", listener.port, timeout=10)
    try:
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def test_the_callback_brings_its_code_once(listener: Listener) -> None:
    answer = get(listener, GOOD)
    assert answer.status == 200
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert listener.wait(10) == Callback("the-code")
    assert get(listener, GOOD.replace("the-code", "another")).status == 400
    assert listener.wait(10) == Callback("the-code")
    assert "the-code" not in repr(listener.wait(10))


def test_it_listens_on_this_machine_only(listener: Listener) -> None:
    assert listener.server_address[0] == "127.0.0.1"
    assert listener.address == f"http://127.0.0.1:{listener.port}/callback"


OTHERS = [
    "/favicon.ico",
    "/",
    "/callback",
    f"/callback/?code=the-code&state={STATE}",
    "/callback?code=the-code",
    "/callback?code=the-code&state=",
    f"/callback?code=the-code&state={STATE}x",
    f"/callback?code=the-code&state={STATE[:-1]}",
    f"/callback?code=the-code&state={STATE}&state={STATE}",
    f"/callback?code=the-code&code=another&state={STATE}",
    f"/callback?code=the-code&error=denied&state={STATE}",
    f"/callback?state={STATE}",
    f"/callback?code=&state={STATE}",
    f"/callback?code=%0a&state={STATE}",
    f"/callback?error=Not%20a%20word&state={STATE}",
    f"/callback?code={'a' * 257}&state={STATE}",
    f"/callback?code=the-code&state={STATE}&" + "&".join(f"x{number}=" for number in range(20)),
    f"/callback?code=the-code&state={STATE}&x={'a' * 5000}",
]


@pytest.mark.parametrize("target", OTHERS)
def test_whatever_else_comes_changes_nothing(listener: Listener, target: str) -> None:
    assert get(listener, target).status in (400, 404)
    assert listener.wait(0) is None
    get(listener, GOOD)
    assert listener.wait(10) == Callback("the-code")


def test_other_methods_and_host_names_are_not_taken(listener: Listener) -> None:
    for method in ("POST", "HEAD", "OPTIONS", "PUT"):
        assert get(listener, GOOD, method).status == 501
    for host in ("elsewhere.example", f"elsewhere.example:{listener.port}", f"localhost:{listener.port}", "127.0.0.1"):
        assert get(listener, GOOD, Host=host).status == 404
    for raw in (b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 10, b""):
        with socket.create_connection(("127.0.0.1", listener.port)) as connection:
            connection.sendall(raw)
    assert listener.wait(0) is None


def test_a_refusal_comes_as_a_word(listener: Listener) -> None:
    assert get(listener, f"/callback?error=no_role&state={STATE}").status == 200
    assert listener.wait(10) == Callback(None, "no_role")


def test_of_many_callbacks_at_once_one_is_taken(listener: Listener) -> None:
    targets = [GOOD.replace("the-code", f"code-{number}") for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda target: get(listener, target).status, targets))
    assert sorted(found) == [200, *[400] * 19]
    taken = listener.wait(10)
    assert taken is not None
    assert taken.code == f"code-{found.index(200)}"


def test_who_sends_nothing_holds_nobody_up(listener: Listener) -> None:
    silent = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(10)]
    silent[0].sendall(b"GET /callback HTTP/1.1\r\n")
    try:
        assert get(listener, GOOD).status == 200
        assert listener.wait(10) == Callback("the-code")
    finally:
        for each in silent:
            each.close()


def test_a_connection_that_drags_on_is_cut_whatever_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every place taken by such, the browser gets one as soon as they are cut."""
    monkeypatch.setattr(loopback, "CONNECTION_SECONDS", 1.0)
    monkeypatch.setattr(loopback, "MOST_CONNECTIONS", 4)
    with listen(STATE) as listener:
        dragging = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(4)]
        began = time.monotonic()
        while time.monotonic() - began < 30:
            for each in dragging:
                try:
                    each.send(b"x")
                except OSError:
                    continue
            time.sleep(0.1)
            try:
                if get(listener, GOOD).status == 200:
                    break
            except OSError:
                continue
        for each in dragging:
            each.close()
        assert listener.wait(0) == Callback("the-code")
        assert 0.5 < time.monotonic() - began < 10


def test_after_the_time_nobody_is_waited_for(listener: Listener) -> None:
    began = time.monotonic()
    assert listener.wait(0.3) is None
    assert 0.3 <= time.monotonic() - began < 5
    lines: list[str] = []
    with pytest.raises(BrowserSignInFailed, match="Nobody signed in") as caught:
        BrowserSignIn(
            url="http://127.0.0.1:1", post=lambda *_: {}, say=lines.append, open_page=len, seconds=0.2
        ).sign_in()
    assert caught.value.reason == "timeout"
    port = next(word for word in lines[0].split() if word.rstrip(":").isdigit()).rstrip(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


def test_each_sign_in_has_secrets_of_its_own() -> None:
    pages: list[str] = []
    lines: list[str] = []
    for _ in range(2):
        with pytest.raises(BrowserSignInFailed):
            BrowserSignIn(
                url="https://x.example/sub", post=lambda *_: {}, say=lines.append, open_page=pages.append, seconds=0.2
            ).sign_in()
    one, other = (dict(pair.split("=", 1) for pair in urlsplit(page).query.split("&")) for page in pages)
    assert urlsplit(pages[0]).path == "/sub/auth/cli/start"
    for name in ("state", "code_challenge"):
        assert one[name] != other[name]
        assert len(one[name]) >= 43
    assert one["code_challenge_method"] == "S256"


def test_ctrl_c_ends_the_wait() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.stdout.readline()
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=10)
    assert "KeyboardInterrupt" in err
    assert program.returncode != 0


def test_it_is_the_standard_librarys_alone() -> None:
    """It is imported by a command that people wait for."""
    script = (
        "import sys; import sshcast.remote.browser_sign_in; "
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'__main__', 'sshcast'})"
    )
    done = subprocess.run([sys.executable, "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
