"""Signing in over real SSH, and the reason and sentence for each way that fails."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runner.ssh.client import ConnectFailed, ConnectTimeouts, Credential, Endpoint, connect, fingerprint
from runner.ssh.scan import ScanOptions, scan_host_keys
from tests.support.targets import Target, make_key, public_line, run, running_password_server, running_sshd, sign

pytestmark = pytest.mark.anyio

QUICK = ConnectTimeouts(connect=0.5, login=0.5, channel=0.5)


@pytest.fixture
async def password_server(tmp_path: Path) -> AsyncIterator[tuple[Target, list[str]]]:
    async with running_password_server(tmp_path) as served:
        yield served


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Something that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def failure(endpoint: Endpoint, timeouts: ConnectTimeouts = QUICK) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as failed:
        await connect(endpoint, timeouts=timeouts)
    return failed.value


def password(secret: str) -> Credential:
    return Credential("password", secret)


async def test_a_password_signs_in(password_server: tuple[Target, list[str]]) -> None:
    target, told = password_server
    connection = await connect(target.endpoint(credential=password("correct horse")))
    assert connection.is_alive
    assert told == ["correct horse"]
    await connection.close()


async def test_a_wrong_password_is_an_authentication_failure(password_server: tuple[Target, list[str]]) -> None:
    target, told = password_server
    failed = await failure(target.endpoint(credential=password("battery staple")))
    assert failed.reason == "AUTH_FAILED"
    assert "by password" in failed.detail
    assert told == ["battery staple"]
    assert "battery" not in repr(failed)


async def test_a_changed_host_key_is_told_before_any_password_is_sent(
    password_server: tuple[Target, list[str]], tmp_path: Path
) -> None:
    target, told = password_server
    make_key(tmp_path / "other")
    endpoint = target.endpoint(credential=password("correct horse"), host_keys=(public_line(tmp_path / "other"),))
    failed = await failure(endpoint)
    assert failed.reason == "HOST_KEY_CHANGED"
    assert fingerprint(target.host_key) in failed.detail
    assert told == []


async def test_a_changed_host_key_of_another_type_is_a_changed_host_key(target: Target, tmp_path: Path) -> None:
    make_key(tmp_path / "rsa", kind="rsa")
    failed = await failure(target.endpoint(host_keys=(public_line(tmp_path / "rsa"),)))
    assert failed.reason == "HOST_KEY_CHANGED"


async def test_without_a_pinned_host_key_nothing_is_sent(password_server: tuple[Target, list[str]]) -> None:
    target, told = password_server
    failed = await failure(target.endpoint(credential=password("correct horse"), host_keys=()))
    assert failed.reason == "HOST_KEY_UNKNOWN"
    assert fingerprint(target.host_key) in failed.detail
    assert told == []


async def test_one_of_several_pinned_host_keys_is_enough(target: Target, tmp_path: Path) -> None:
    make_key(tmp_path / "rsa", kind="rsa")
    connection = await connect(target.endpoint(host_keys=(public_line(tmp_path / "rsa"), target.host_key)))
    assert (await run(connection, "exit 3"))[0].status == 3
    await connection.close()


async def test_a_key_that_the_server_does_not_know_is_an_authentication_failure(target: Target, tmp_path: Path) -> None:
    failed = await failure(target.endpoint(credential=Credential("key", make_key(tmp_path / "stranger"))))
    assert failed.reason == "AUTH_FAILED"
    assert "by private key" in failed.detail


async def test_openssh_refuses_a_wrong_password_as_an_authentication_failure(openssh: Target) -> None:
    failed = await failure(openssh.endpoint(credential=password("wrong")), ConnectTimeouts())
    assert failed.reason == "AUTH_FAILED"


async def test_a_certificate_signs_in(openssh: Target, tmp_path: Path) -> None:
    private = make_key(tmp_path / "certified")
    certificate = sign(tmp_path / "certified", openssh.folder / "ca", principal=openssh.username)
    credential = Credential("certificate", private, certificate=certificate)
    connection = await connect(openssh.endpoint(credential=credential))
    assert (await run(connection, "exit 4"))[0].status == 4
    await connection.close()


@pytest.mark.parametrize("signer", ["another CA", "another principal"])
async def test_a_certificate_that_does_not_fit_is_an_authentication_failure(
    openssh: Target, tmp_path: Path, signer: str
) -> None:
    private = make_key(tmp_path / "certified")
    make_key(tmp_path / "ca")
    ca, principal = (tmp_path / "ca", openssh.username) if signer == "another CA" else (openssh.folder / "ca", "nobody")
    certificate = sign(tmp_path / "certified", ca, principal=principal)
    failed = await failure(openssh.endpoint(credential=Credential("certificate", private, certificate=certificate)))
    assert failed.reason == "AUTH_FAILED"
    assert "by certificate" in failed.detail


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_each_kind_of_key_signs_in_encrypted_in_either_format(tmp_path: Path, kind: str) -> None:
    pem = ["-m", "PKCS8"] if kind != "ed25519" else []  # ssh-keygen writes Ed25519 in its own format only
    with running_sshd(tmp_path) as target:
        secret = make_key(tmp_path / "locked", *pem, passphrase="open sesame", kind=kind)
        (tmp_path / "authorized_keys").write_text(public_line(tmp_path / "locked") + "\n")
        connection = await connect(target.endpoint(credential=Credential("key", secret, "open sesame")))
        assert (await run(connection, "exit 5"))[0].status == 5
        await connection.close()


async def test_a_wrong_passphrase_is_told_as_such(openssh: Target, tmp_path: Path) -> None:
    secret = make_key(tmp_path / "locked", passphrase="open sesame")
    failed = await failure(openssh.endpoint(credential=Credential("key", secret, "wrong")))
    assert (failed.reason, "passphrase" in failed.detail) == ("AUTH_FAILED", True)


async def test_a_host_name_that_does_not_exist_is_a_dns_failure(demo_target: Target) -> None:
    failed = await failure(demo_target.endpoint(host="no-such-host.invalid"), ConnectTimeouts())
    assert failed.reason == "UNREACHABLE"
    assert "DNS" in failed.detail


async def test_a_host_name_that_exists_is_connected_to(demo_target: Target) -> None:
    connection = await connect(demo_target.endpoint(host="localhost"))
    assert connection.is_alive
    await connection.close()


async def test_a_closed_port_is_a_refused_connection(demo_target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failed = await failure(demo_target.endpoint(port=port))
    assert (failed.reason, "refused" in failed.detail) == ("UNREACHABLE", True)


async def test_a_server_that_says_nothing_is_a_timeout(demo_target: Target, silent_port: int) -> None:
    failed = await failure(demo_target.endpoint(port=silent_port))
    assert (failed.reason, "timeout" in failed.detail) == ("UNREACHABLE", True)
    assert "login" in failed.detail


async def test_packets_that_vanish_are_a_timeout(demo_target: Target) -> None:
    """A full backlog makes Linux drop the connection's first packet, as a firewall would."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        failed = await failure(demo_target.endpoint(port=address[1]))
        for filler in fillers:
            filler.close()
    assert (failed.reason, "timeout" in failed.detail) == ("UNREACHABLE", True)
    assert "firewall" in failed.detail


async def test_something_that_is_no_ssh_server_is_told_as_such(demo_target: Target) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    failed = await failure(demo_target.endpoint(port=server.sockets[0].getsockname()[1]))
    server.close()
    await server.wait_closed()
    assert (failed.reason, "SSH server" in failed.detail) == ("UNREACHABLE", True)


@pytest.mark.parametrize("host", ["", "-oProxyCommand=touch", "a b", "a\nb", "x" * 300, "a..b"])
async def test_what_is_no_host_name_is_refused(demo_target: Target, host: str) -> None:
    assert (await failure(demo_target.endpoint(host=host), ConnectTimeouts())).reason == "UNREACHABLE"


async def test_the_accounts_own_ssh_config_has_no_say(
    demo_target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    config = f"Host *\n  UserKnownHostsFile none\n  ProxyCommand touch {tmp_path / 'ran'}\n"
    (tmp_path / ".ssh" / "config").write_text(config)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (await failure(demo_target.endpoint(host_keys=()))).reason == "HOST_KEY_UNKNOWN"
    assert not (tmp_path / "ran").exists()


async def test_a_cancelled_sign_in_closes_its_socket(demo_target: Target, silent_port: int) -> None:
    attempt = asyncio.create_task(connect(demo_target.endpoint(port=silent_port)), name="attempt")
    await asyncio.wait([attempt], timeout=0.05)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt  # a socket left open would be a ResourceWarning, and warnings are errors


async def test_the_offered_host_keys_are_scanned(target: Target) -> None:
    assert await scan_host_keys(target.host, target.port) == [target.host_key]


async def test_scanning_nobody_is_unreachable(silent_port: int) -> None:
    with pytest.raises(ConnectFailed, match="timeout"):
        await scan_host_keys("127.0.0.1", silent_port, ScanOptions(seconds=0.3))


async def test_scanning_what_is_no_ssh_server_says_so(demo_target: Target) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    with pytest.raises(ConnectFailed, match="SSH server"):
        await scan_host_keys("127.0.0.1", server.sockets[0].getsockname()[1], ScanOptions(waits=()))
    server.close()
    await server.wait_closed()
