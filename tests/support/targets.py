"""Real SSH servers for tests: OpenSSH's sshd as the account that runs the tests, our demo server, a password server."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from runner.remote import program
from runner.ssh.client import Credential, Endpoint, Exit, ServerConnection
from runner.ssh.protocol import ShellSource
from sshcast.demo.server import DemoServer, ensure_key
from tests.support.ports import free_port

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class Target:
    """A running SSH server, and a key that signs in to it."""

    name: str
    port: int
    host_key: str
    private_key: str
    folder: Path
    host: str = "127.0.0.1"
    username: str = field(default_factory=getpass.getuser)

    def endpoint(self, **changes: Any) -> Endpoint:
        """Signs in with the key, unless `changes` say otherwise."""
        usual = Endpoint(
            server_id=1,
            host=self.host,
            port=self.port,
            username=self.username,
            host_keys=(self.host_key,),
            credential=Credential("key", self.private_key),
        )
        return replace(usual, **changes)


def make_key(path: Path, *options: str, passphrase: str = "", kind: str = "ed25519") -> str:
    """A key pair at `path`, made by ssh-keygen. The private key's text."""
    size = ["-b", "2048"] if kind == "rsa" else []
    command = ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", "test", "-f", str(path), *options]
    subprocess.run(command, check=True)
    return path.read_text()


def public_line(path: Path) -> str:
    """ "TYPE BASE64" of the key pair at `path`."""
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def sign(path: Path, ca: Path, *, principal: str, validity: str = "+1h") -> str:
    """An OpenSSH user certificate for the key pair at `path`."""
    public = path.with_name(path.name + ".pub")
    command = ["ssh-keygen", "-q", "-s", str(ca), "-I", "test", "-n", principal, "-V", validity, str(public)]
    subprocess.run(command, check=True)
    return path.with_name(path.name + "-cert.pub").read_text()


@contextmanager
def running_sshd(folder: Path, *lines: str, address: str = "127.0.0.1") -> Iterator[Target]:
    """OpenSSH on a free port of a loopback address (0.0.0.0: of all). `folder/user` may sign in, and what `folder/ca`
    signed.

    A command's HOME is `folder/home`: the account's own login files have no part in the tests.
    """
    # sshd takes the first value of a setting, so `lines` come before ours.
    if SSHD is None:
        pytest.skip("no sshd on this machine")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd as root insists on it
    private_key = make_key(folder / "user")
    make_key(folder / "host")
    make_key(folder / "ca")
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    (folder / "home").mkdir()
    port = free_port()
    limit = [line for line in lines if line.startswith("MaxStartups")]  # of which it takes the last one
    (folder / "sshd_config").write_text("\n".join([*lines, *_config(folder, port, address), *limit]) + "\n")
    process = started_sshd(folder, port)
    try:
        yield Target("openssh", port, public_line(folder / "host"), private_key, folder)
    finally:
        process.terminate()
        process.wait()


def started_sshd(folder: Path, port: int, prefix: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
    """The sshd of `folder/sshd_config`, once it listens. `prefix`: a command that runs it, as `unshare` does."""
    with (folder / "log").open("ab") as log:
        command = [*prefix, str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")]
        process = subprocess.Popen(command, stderr=log)
    try:
        _wait_for(process, port, folder / "log")
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def _config(folder: Path, port: int, address: str) -> list[str]:
    return [
        f"Port {port}",
        f"ListenAddress {address}",
        f"HostKey {folder / 'host'}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        f"TrustedUserCAKeys {folder / 'ca.pub'}",
        f"PidFile {folder / 'pid'}",
        f"SetEnv HOME={folder / 'home'}",
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin yes",
        "PasswordAuthentication yes",
        "MaxStartups 200",
        "MaxSessions 10",
    ]


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"sshd did not start: {log.read_text()}")


@asynccontextmanager
async def running_demo(folder: Path) -> AsyncIterator[Target]:
    """Our demo server. A command's HOME is `folder/home`, as it is with `running_sshd`."""
    private_key, public_key = ensure_key(folder / "user")
    (folder / "home").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        server = await DemoServer.start(host_key_path=folder / "host", authorized_key=public_key)
        try:
            yield Target("demo", server.port, server.host_key, private_key, folder)
        finally:
            await server.close()


class PasswordServer(asyncssh.SSHServer):
    """Knows one password, and notes every one that it is told."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._told.append(password)
        return password == "correct horse"


@asynccontextmanager
async def running_password_server(folder: Path) -> AsyncIterator[tuple[Target, list[str]]]:
    """The target, and the passwords that reached it."""
    private_key, _ = ensure_key(folder / "user")
    key, host_key = ensure_key(folder / "host")
    told: list[str] = []
    host_keys = [asyncssh.import_private_key(key)]
    acceptor = await asyncssh.listen(
        "127.0.0.1", 0, config=None, server_factory=lambda: PasswordServer(told), server_host_keys=host_keys
    )
    try:
        yield Target("password", acceptor.get_port(), host_key, private_key, folder), told
    finally:
        acceptor.close()
        await acceptor.wait_closed()


@asynccontextmanager
async def running_keyed_server(folder: Path, make_server: Callable[[], asyncssh.SSHServer]) -> AsyncIterator[Target]:
    """A server of the test's own making, to which `folder/user` signs in."""
    private_key, public_key = ensure_key(folder / "user")
    key, host_key = ensure_key(folder / "host")
    acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        config=None,
        server_factory=make_server,
        server_host_keys=[asyncssh.import_private_key(key)],
        authorized_client_keys=asyncssh.import_authorized_keys(public_key),
    )
    try:
        yield Target("keyed", acceptor.get_port(), host_key, private_key, folder)
    finally:
        acceptor.close()
        await acceptor.wait_closed()


@pytest.fixture(scope="session")
def openssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as target:
        yield target


@pytest.fixture
async def demo_target(tmp_path: Path) -> AsyncIterator[Target]:
    async with running_demo(tmp_path) as target:
        yield target


@pytest.fixture(params=["openssh", "demo"])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Target]:
    """Every test that takes this runs against OpenSSH and against the demo server."""
    if request.param == "openssh":
        yield request.getfixturevalue("openssh")
        return
    async with running_demo(tmp_path) as demo:
        yield demo


class Output:
    """Collects both streams of a command."""

    def __init__(self) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()

    def __call__(self, stream: str, data: bytes) -> None:
        collected: bytearray = getattr(self, stream)
        collected += data


async def run(connection: ServerConnection, command: str, *, stdin: bytes | None = b"") -> tuple[Exit, Output]:
    output = Output()
    process = await connection.start(command, on_output=output, stdin=stdin)
    return await process.wait(), output


async def run_in_shell(shells: ShellSource, command: str) -> tuple[Exit, Output]:
    """The same by a shell that has answered."""
    output = Output()
    shell = await shells.open_shell(on_output=output)
    return await program.run(shell, f"{command}\n".encode()), output
