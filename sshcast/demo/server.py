"""A small SSH server on the loopback interface, so that the demo has a server to run on.

One key signs in, under any user name; commands run as the account that sshcast runs as. Exec only: no shell, terminal,
sftp or forwarding. Each command has a process group of its own, which ends with its channel; what must live longer
starts a session of its own (setsid).
"""

import asyncio
import ipaddress
import os
import signal
from pathlib import Path
from typing import cast

import asyncssh

from sshcast.demo.command import DemoCommand, build_environment

LOGIN_SECONDS = 15
# Those of RFC 4254, and the terminal's.
SIGNALS = ("ABRT", "ALRM", "HUP", "INT", "KILL", "PIPE", "QUIT", "TERM", "USR1", "USR2", "CONT", "STOP", "TSTP")


class DemoServer:
    """A running server. `host_key` is its public key, "TYPE BASE64", to pin."""

    def __init__(self, *, host: str, host_key: str, work: "DemoActivity") -> None:
        self.host = host
        self.host_key = host_key
        self._work = work
        self._acceptor: asyncssh.SSHAcceptor | None = None

    @classmethod
    async def start(
        cls, *, host_key_path: Path, authorized_key: str, port: int = 0, host: str = "127.0.0.1"
    ) -> "DemoServer":
        """Listen on `port` (0: a free one) of a loopback address. The host key is created on the first start.

        Raise ValueError for an address that others can reach or an unreadable key, OSError if the port is taken.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the demo SSH server listens on loopback addresses only, not on {host}")
        key = asyncssh.import_private_key(ensure_key(host_key_path)[0])
        authorized = asyncssh.import_public_key(authorized_key)
        work = DemoActivity()
        server = cls(host=host, host_key=_format_public_key(key), work=work)
        server._acceptor = await asyncssh.listen(
            host,
            port,
            config=None,
            server_factory=lambda: _Login(authorized, work),
            server_host_keys=[key],
            gss_host=None,
            allow_pty=False,
            allow_scp=False,
            agent_forwarding=False,
            x11_forwarding=False,
            encoding=None,
            login_timeout=LOGIN_SECONDS,
            server_version="sshcast-demo",
        )
        return server

    @property
    def port(self) -> int:
        return cast(asyncssh.SSHAcceptor, self._acceptor).get_port()

    async def close(self) -> None:
        """Stop listening, close the connections and end the commands that run on them."""
        acceptor = cast(asyncssh.SSHAcceptor, self._acceptor)
        acceptor.close()
        for connection in tuple(self._work.connections):
            connection.abort()
            await connection.wait_closed()
        await acceptor.wait_closed()
        for command in tuple(self._work.commands):
            command.end(at_once=True)
        if self._work.commands:
            await asyncio.gather(*(command.ended.wait() for command in self._work.commands))


class DemoActivity:
    """The server's open connections and running commands."""

    def __init__(self) -> None:
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.commands: set[DemoCommand] = set()


def ensure_key(path: Path) -> tuple[str, str]:
    """Load or create (mode 0600) the Ed25519 key at `path`; return its private PEM text and public "TYPE BASE64"."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = asyncssh.import_private_key(path.read_bytes())
        return path.read_text(), _format_public_key(key)
    key = asyncssh.generate_private_key("ssh-ed25519")
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.export_private_key())
    return key.export_private_key().decode(), _format_public_key(key)


def _format_public_key(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


class _Login(asyncssh.SSHServer):
    def __init__(self, authorized: asyncssh.SSHKey, work: DemoActivity) -> None:
        self._authorized = authorized
        self._work = work
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._work.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._work.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.public_data == self._authorized.public_data

    def session_requested(self) -> "_Exec":
        return _Exec(self._work)


class _Exec(asyncssh.SSHServerSession[bytes]):
    """One channel, and the command on it."""

    def __init__(self, work: DemoActivity) -> None:
        self._work = work
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._command: DemoCommand | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        assert self._channel is not None
        self._command = DemoCommand(self._channel, command, environment=build_environment(os.environ))
        return True

    def session_started(self) -> None:
        assert self._command is not None
        command = self._command
        self._work.commands.add(command)
        command.start(lambda: self._work.commands.discard(command))

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if self._command is not None:
            self._command.feed(data)

    def eof_received(self) -> bool:
        if self._command is not None:
            self._command.feed_eof()
        return True  # the output goes on

    def signal_received(self, signal_name: str) -> None:
        if self._command is not None and signal_name in SIGNALS:
            self._command.send_signal(getattr(signal, f"SIG{signal_name}"))

    def pause_writing(self) -> None:
        if self._command is not None:
            self._command.hold_output()

    def resume_writing(self) -> None:
        if self._command is not None:
            self._command.release_output()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._command is not None:
            self._command.end()
