"""What comes instead of an SSH version, or before it, and the sentence for each."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from runner.callback_event import CallbackEvent
from runner.ssh.attempts import RetryPolicy, open_session
from runner.ssh.client import ConnectFailed, ConnectTimeouts, Endpoint, connect
from runner.ssh.pool import Pool
from runner.ssh.sign_in.greeting import MOST_KEPT, Greeting
from tests.support.sign_in_servers import endpoint_at, sending
from tests.support.targets import run_in_shell, running_sshd

pytestmark = pytest.mark.anyio

PATIENT = ConnectTimeouts(login=30.0)
HASTY = RetryPolicy(first_pause=0.01)
QUICK = ConnectTimeouts(login=0.5)
HTTP = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<html>"


async def failure(endpoint: Endpoint, timeouts: ConnectTimeouts = PATIENT) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as failed:
        await connect(endpoint, timeouts=timeouts)
    assert failed.value.detail.isprintable()
    return failed.value


@pytest.mark.parametrize(
    "said",
    [
        "Not allowed at this time",
        "Exceeded MaxStartups",
        "Too many connections from your address, try again later",
        "Connection limit reached",
        "sshd: fork: Resource temporarily unavailable",
        "System is going down for reboot",
        "连接过多，请稍后再试",
    ],
)
async def test_a_refusal_that_passes_is_shown_and_tried_again_but_not_as_unreachable(said: str) -> None:
    async with sending(f"{said}\r\n".encode()) as endpoint:
        failed = await failure(endpoint)
    assert (failed.reason, RetryPolicy().retries(failed)) == ("AUTH_FAILED", True)
    assert f'"{said}"' in failed.detail
    assert "Check that it is an SSH server" not in failed.detail


@pytest.mark.parametrize(
    "said",
    [
        "Your account has expired",
        "Access denied",
        "You are banned",
        "Your IP address is blacklisted",
        "Your IP is blocked by policy",
        "禁止访问",
        "not permitted",
    ],
)
async def test_a_refusal_that_stays_is_shown_and_not_tried_again(said: str) -> None:
    async with sending(f"\x1b[31m{said}\x1b[0m\r\n".encode()) as endpoint:
        failed = await failure(endpoint)
    assert (failed.reason, RetryPolicy().retries(failed)) == ("AUTH_FAILED", False)
    assert f'"{said}"' in failed.detail


@pytest.mark.parametrize(
    ("sent", "protocol"),
    [
        (HTTP, "HTTP"),
        (b"<!DOCTYPE HTML><html>", "HTTP"),
        (b"\x15\x03\x01\x00\x02\x02F", "TLS"),
        (b"220 mail.example.com ESMTP Postfix\r\n502 5.5.2 Error: command not recognized\r\n", "SMTP"),
        (b"220 (vsFTPd 3.0.3)\r\n", "FTP"),
        (b"220 ready\r\n", "SMTP or FTP"),
        (b"* OK IMAP4 ready\r\n", "IMAP"),
        (b"+OK POP3 ready\r\n", "POP3"),
        (b"\xff\xfd\x18\xff\xfd \xff\xfd#login: ", "telnet"),
        (b"\r\nWelcome\r\nrouter login: ", "telnet"),
        (b"RFB 003.008\n", "VNC"),
        (b"-ERR unknown command 'SSH-2.0-AsyncSSH'\r\n", "Redis"),
        (b"J\x00\x00\x00\x0a8.0.36\x00", "MySQL"),
        (b"@RSYNCD: 31.0\n", "rsync"),
    ],
)
async def test_what_speaks_something_else_is_named_and_not_tried_again(sent: bytes, protocol: str) -> None:
    for close in (True, False):
        async with sending(sent, close=close) as endpoint:
            failed = await failure(endpoint, PATIENT if close else QUICK)
        assert (failed.reason, RetryPolicy().retries(failed)) == ("UNREACHABLE", False)
        assert f"it speaks {protocol}" in failed.detail


async def test_an_ssh_1_server_is_told_as_such() -> None:
    async with sending(b"SSH-1.5-Cisco-1.25\n") as endpoint:
        failed = await failure(endpoint)
    assert (failed.reason, RetryPolicy().retries(failed)) == ("UNREACHABLE", False)
    assert 'speaks "SSH-1.5-Cisco-1.25"' in failed.detail


@pytest.mark.parametrize("sent", [b"not yet\r\n" * 5000, b"x" * 50000], ids=["lines", "one line"])
async def test_lines_without_end_are_told_as_such(sent: bytes) -> None:
    async with sending(sent) as endpoint:
        failed = await failure(endpoint)
    assert (failed.reason, RetryPolicy().retries(failed)) == ("UNREACHABLE", False)
    assert "without end" in failed.detail
    assert len(failed.detail) < 600


async def test_what_is_closed_without_a_word_is_tried_again_with_what_may_do_that() -> None:
    async with sending(b"") as endpoint:
        failed = await failure(endpoint)
    assert (failed.reason, RetryPolicy().retries(failed)) == ("UNREACHABLE", True)
    assert "hosts.deny, fail2ban, PerSourcePenalties" in failed.detail


async def test_other_words_and_other_bytes_before_the_end_are_shown() -> None:
    async with sending(b"hello there\r\n") as endpoint:
        assert '"hello there"' in (await failure(endpoint)).detail
    async with sending(bytes(range(128, 200))) as endpoint:
        assert "72 bytes that are no text" in (await failure(endpoint)).detail


async def test_a_text_that_greets_everybody_is_no_refusal_while_the_version_is_late() -> None:
    async with sending(b"Unauthorized access is prohibited\r\n", close=False) as endpoint:
        failed = await failure(endpoint, QUICK)
    assert (failed.reason, failed.passing) == ("UNREACHABLE", True)


async def test_words_without_a_version_are_shown_when_it_takes_too_long() -> None:
    async with sending(b"hello there\r\n", close=False) as endpoint:
        failed = await failure(endpoint, QUICK)
    assert (failed.reason, "timeout" in failed.detail) == ("UNREACHABLE", True)
    assert '"hello there"' in failed.detail


async def test_a_server_that_ends_after_its_version_is_not_said_to_be_none() -> None:
    async with sending(b"SSH-2.0-OpenSSH_9.9\r\n") as endpoint:
        failed = await failure(endpoint)
    assert (failed.reason, failed.passing) == ("UNREACHABLE", True)
    assert 'It is an SSH server ("SSH-2.0-OpenSSH_9.9")' in failed.detail
    assert "Check that it is" not in failed.detail


async def test_openssh_with_too_many_sign_ins_at_once_is_told_by_its_words(tmp_path: Path) -> None:
    with running_sshd(tmp_path, "PerSourceMaxStartups 1") as target, ExitStack() as held:
        greeted = b""
        while not greeted.startswith(b"SSH"):  # the first places may be taken by who looked whether it listens
            other = held.enter_context(socket.create_connection((target.host, target.port), timeout=30))
            greeted = other.recv(4)
        failed = await failure(target.endpoint())
    assert (failed.reason, failed.passing) == ("AUTH_FAILED", True)
    assert '"Exceeded MaxStartups"' in failed.detail


async def test_a_server_that_greets_before_its_version_is_signed_in_to(tmp_path: Path) -> None:
    with running_sshd(tmp_path) as target:
        async with Doorkeeper(target.port, greeting=b"Welcome\r\nSSL is not spoken\r\n") as port:
            await (await connect(target.endpoint(port=port), timeouts=PATIENT)).close()


async def test_a_server_that_allows_nobody_for_a_while_is_signed_in_to_by_a_further_attempt(tmp_path: Path) -> None:
    with running_sshd(tmp_path) as target:
        async with Doorkeeper(target.port, refusals=2) as port, pool() as pooled:
            shells = open_session(pooled, target.endpoint(port=port), retry_policy=HASTY, cancelled=CallbackEvent())
            async with shells as opened:
                assert (await run_in_shell(opened, "exit 3"))[0].status == 3


async def test_a_server_that_goes_on_to_allow_nobody_is_said_to_with_how_often_it_was_tried() -> None:
    async with Doorkeeper(1, refusals=100) as port, pool() as pooled:
        with pytest.raises(ConnectFailed) as failed:
            async with open_session(pooled, endpoint_at(port), retry_policy=HASTY, cancelled=CallbackEvent()):
                pass
    assert failed.value.reason == "AUTH_FAILED"
    assert '"Not allowed at this time". Wait a while' in failed.value.detail
    assert failed.value.detail.endswith("Tried 3 times.")


@asynccontextmanager
async def pool() -> AsyncIterator[Pool]:
    pooled = Pool(connect)
    yield pooled
    await pooled.close()


class Doorkeeper:
    """Turns away so many, says something to the others, then passes everything on."""

    def __init__(self, port: int, *, refusals: int = 0, greeting: bytes = b"") -> None:
        self._port = port
        self._refusals = refusals
        self._greeting = greeting
        self._idle = asyncio.Event()

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._idle.wait()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._refusals -= 1
        self._idle.set()
        if self._refusals >= 0:
            writer.write(b"Not allowed at this time\r\n")
            writer.close()
            return
        self._idle.clear()
        writer.write(self._greeting)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        async with asyncio.TaskGroup() as copies:
            copies.create_task(_copy(reader, far_writer), name="to the server")
            copies.create_task(_copy(far_reader, writer), name="from the server")
        self._idle.set()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_a_version_is_found_however_it_comes_and_what_is_before_it_is_bounded(size: int) -> None:
    sent = b"x" * 9000 + b"\r\nSSH is next\nSSH-2.0-there\r\n\0\0"
    greeting = Greeting()
    for at in range(0, len(sent), size):
        if greeting.version is None:
            greeting.feed(sent[at : at + size])
    assert greeting.version == "SSH-2.0-there"
    assert len(greeting.before) == MOST_KEPT
