"""What a network in the middle or a hostile server is not given: old algorithms, our agent, our time."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from runner.ssh.algorithms import RSA_SIGNATURES, SIGNATURES
from runner.ssh.client import ConnectFailed, ConnectTimeouts, Credential, Endpoint, connect
from runner.ssh.keys import extract_public_part
from runner.ssh.options import build_transport_options
from tests.support.targets import PasswordServer

pytestmark = pytest.mark.anyio

QUICK = ConnectTimeouts(connect=0.5, login=0.5, channel=0.5)
OLD: dict[str, dict[str, Any]] = {
    "SHA-1 in the exchange of keys": {"kex_algs": ["diffie-hellman-group14-sha1"]},
    "SHA-1 as a checksum": {"mac_algs": ["hmac-sha1"], "encryption_algs": ["aes128-ctr"]},
    "MD5 as a checksum": {"mac_algs": ["hmac-md5"], "encryption_algs": ["aes128-ctr"]},
    "a cipher that Terrapin cuts": {"encryption_algs": ["chacha20-poly1305@openssh.com"]},
    "a block cipher in CBC": {"encryption_algs": ["aes128-cbc"]},
    "3DES": {"encryption_algs": ["3des-cbc"]},
    "RC4": {"encryption_algs": ["arcfour256"]},
}


@pytest.fixture(scope="module")
def host_key() -> asyncssh.SSHKey:
    """RSA, with which a server could sign in the old way."""
    return asyncssh.generate_private_key("ssh-rsa", key_size=2048)


@asynccontextmanager
async def listening(
    key: asyncssh.SSHKey, factory: Callable[[], Any] | None = None, **options: Any
) -> AsyncIterator[Endpoint]:
    """A server that takes one password, and where it is, its key pinned."""
    made = factory or (lambda: PasswordServer([]))
    server = await asyncssh.listen("127.0.0.1", 0, config=None, server_factory=made, server_host_keys=[key], **options)
    async with server:
        yield endpoint_of(server.get_port(), key)


def endpoint_of(port: int, key: asyncssh.SSHKey) -> Endpoint:
    pinned = str(extract_public_part(key))
    return Endpoint(1, "127.0.0.1", port, "root", (pinned,), Credential("password", "correct horse"))


async def test_the_server_of_these_tests_is_signed_in_to(host_key: asyncssh.SSHKey) -> None:
    async with listening(host_key) as endpoint:
        await (await connect(endpoint)).close()


@pytest.mark.parametrize("old", OLD)
async def test_nothing_old_is_spoken_however_much_the_other_side_wants_it(host_key: asyncssh.SSHKey, old: str) -> None:
    told: list[str] = []
    async with listening(host_key, lambda: PasswordServer(told), **OLD[old]) as endpoint:
        with pytest.raises(ConnectFailed) as failed:
            await connect(endpoint)
    assert failed.value.reason in ("UNREACHABLE", "HOST_KEY_CHANGED")
    assert told == []


def test_no_signature_of_rsa_with_sha_1_is_made_or_taken() -> None:
    assert "ssh-rsa" not in (*RSA_SIGNATURES, *SIGNATURES)


@pytest.mark.parametrize("name", ["config", "agent_path", "agent_forwarding", "x11_forwarding", "pkcs11_provider"])
def test_no_connection_is_given_what_is_our_accounts(name: str) -> None:
    assert not build_transport_options()[name]


class Grasping(PasswordServer):
    """A server that reaches for what is on our side once we have signed in."""

    def __init__(self, port: int) -> None:
        super().__init__([])
        self.port = port
        self.found: dict[str, str] = {}
        self.reached = asyncio.Event()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn

    def auth_completed(self) -> None:
        self.reaching = asyncio.ensure_future(self.reach())

    async def reach(self) -> None:
        session = asyncssh.SSHTCPSession[bytes]
        for name, channel in {
            "a port": self.connection.create_connection(session, "127.0.0.1", self.port),
            "a socket": self.connection.create_unix_connection(asyncssh.SSHUNIXSession[bytes], "/tmp/socket"),
            "a screen": self.connection.create_x11_connection(session, "127.0.0.1", 6000),
            "an agent": self.connection.create_agent_channel(2**21, 2**15).open(asyncssh.SSHUNIXSession[bytes]),
        }.items():
            try:
                await channel
                self.found[name] = "open"
            except asyncssh.ChannelOpenError:
                self.found[name] = "refused"
        self.reached.set()


async def test_a_server_gets_nothing_of_ours_through_the_connection(
    host_key: asyncssh.SSHKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, agent(tmp_path / "agent") as ours:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        monkeypatch.setenv("DISPLAY", ":0")
        server = Grasping(listener.getsockname()[1])
        async with listening(host_key, lambda: server) as endpoint:
            connection = await connect(endpoint)
            async with asyncio.timeout(10):
                await server.reached.wait()
            await connection.close()
        assert server.found == dict.fromkeys(("a port", "a socket", "a screen", "an agent"), "refused")
        for quiet in (listener, ours):
            quiet.setblocking(False)
            with pytest.raises(BlockingIOError):
                quiet.accept()


@contextmanager
def agent(path: Path) -> Iterator[socket.socket]:
    """What looks like the agent of who runs the service."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield listener


@pytest.mark.parametrize("flood", [b"not yet\r\n", b"x" * 1000, b"\0\xff"], ids=["lines", "one line", "bytes"])
async def test_a_greeting_without_end_is_ended_by_us(host_key: asyncssh.SSHKey, flood: bytes) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                writer.write(flood * 50)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    endpoint = endpoint_of(server.sockets[0].getsockname()[1], host_key)
    with pytest.raises(ConnectFailed) as failed:
        await connect(endpoint, timeouts=QUICK)
    assert failed.value.reason == "UNREACHABLE"
    server.close()
    await server.wait_closed()
