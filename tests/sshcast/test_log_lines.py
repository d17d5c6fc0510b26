"""`sshcast serve` itself: what its log looks like on a terminal and elsewhere, and that no client can fill it."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.certificates import Authority
from tests.support.commands import Commands, wait_until_ready
from tests.support.ports import free_port
from tests.support.terminal import on_terminal

UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: "
    + base64.b64encode(b"0123456789abcdef")
    + b"\r\n\r\n"
)
SERVE = (sys.executable, "-m", "sshcast", "serve")
MASK = b"\0\0\0\0"
BROKEN_TEXT = b"\x81\x82" + MASK + b"\xff\xfe"
UNMASKED = b"\x81\x02{}"
LONG_FRAME = b"\x81\xff" + b"\x7f" + b"\xff" * 7 + MASK
RUBBISH = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # the beginning of a TLS handshake, on plain HTTP
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x00\xff\x1b]0;title\x07 / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\x1b[31m HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: \x9b31m\r\nConnection: Upgrade\r\n\r\n",
    UPGRADE + BROKEN_TEXT,
    UPGRADE + UNMASKED,
    UPGRADE + LONG_FRAME,
    UPGRADE,
)
CONTROLS = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\n"}


@dataclass(slots=True)
class Serving:
    port: int
    file: Path

    @property
    def text(self) -> str:
        return self.file.read_bytes().decode()


@contextmanager
def serving(folder: Path, *args: str, **variables: str) -> Iterator[Serving]:
    """`sshcast serve`, with its standard error in a file; it ends with 0."""
    port, file = free_port(), folder / "serve.log"
    scheme = "https" if "SSHCAST_TLS_CERT" in variables else "http"
    with file.open("wb") as log:
        process = Commands(folder / "data", variables).start("serve", "--port", str(port), *args, stderr=log.fileno())
        try:
            wait_until_ready(f"{scheme}://127.0.0.1:{port}", process)
            yield Serving(port, file)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def send(port: int, data: bytes, *, cut: bool) -> None:
    """Send these bytes, and cut the connection by a reset, or wait for a moment for the other side to end it."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(1)
        connection.sendall(data)
        if cut:
            time.sleep(0.05)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        else:
            try:
                while connection.recv(65_536):
                    pass
            except OSError:
                pass


def test_whatever_clients_send_and_however_they_leave_is_lines_of_json_without_a_traceback(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        for cut in (False, True):
            for data in RUBBISH:
                send(served.port, data, cut=cut)
        assert httpx2.get(f"http://127.0.0.1:{served.port}/healthz", trust_env=False).status_code == 200
    lines = [json.loads(line) for line in served.text.splitlines()]
    assert lines[0]["event"] == "serving"
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    assert [line for line in lines if "exception" in line or line["level"] in ("error", "critical")] == []
    assert "Traceback" not in served.text
    assert not CONTROLS & set(served.text)
    assert [line for line in lines if "Invalid HTTP request" in line["event"]], "uvicorn's lines have the same form"


def test_broken_handshakes_of_tls_leave_no_traceback(tmp_path: Path) -> None:
    certificate, key = Authority.make(tmp_path, "ours").sign("localhost")
    files = {"SSHCAST_TLS_CERT": str(certificate), "SSHCAST_TLS_KEY": str(key)}
    with serving(tmp_path, **files) as served:
        for cut in (False, True):
            for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"", os.urandom(500), b"\x15\x03\x01"):
                send(served.port, data, cut=cut)
    lines = [json.loads(line) for line in served.text.splitlines()]
    assert [line for line in lines if "exception" in line or line["level"] in ("error", "critical")] == []
    assert "Traceback" not in served.text


def test_on_a_terminal_it_is_coloured_text_and_a_setting_makes_it_json(tmp_path: Path) -> None:
    for form, begins in (("auto", None), ("json", b'{"')):
        folder = tmp_path / form
        folder.mkdir()
        commands = Commands(folder / "data", {"SSHCAST_LOG_FORMAT": form})
        with on_terminal(commands, *SERVE, "--port", str(free_port())) as terminal:
            shown = terminal.wait_for(b"serving")
            terminal.process.send_signal(signal.SIGTERM)
            assert terminal.end() == 0
        assert (b"\x1b[" in shown) is (begins is None)
        assert begins is None or begins in shown


def test_a_log_level_that_is_none_is_refused_by_its_name(tmp_path: Path) -> None:
    done = Commands(tmp_path / "data", {"SSHCAST_LOG_LEVEL": "loud"}).run("serve")
    assert done.returncode != 0
    assert b"SSHCAST_LOG_LEVEL: must be 'debug', 'info', 'warning' or 'error'" in done.stderr


@pytest.mark.parametrize(("level", "says"), [("WARNING", False), ("debug", True)])
def test_the_level_chooses_which_lines_are_written(tmp_path: Path, level: str, says: bool) -> None:
    with serving(tmp_path, SSHCAST_LOG_LEVEL=level, SSHCAST_LOG_FORMAT="text") as served:
        pass
    assert ("serving" in served.text) is says
    assert "\x1b" not in served.text


def test_other_commands_write_no_such_lines(tmp_path: Path) -> None:
    commands = Commands(tmp_path / "data")
    done: subprocess.CompletedProcess[bytes] = commands.run(
        "user", "add", "alice", "--role", "admin", "--password-stdin", stdin="correct horse battery\n"
    )
    assert (done.returncode, done.stderr) == (0, b"")
