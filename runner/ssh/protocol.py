"""The runner's SSH interface: endpoints, connections, processes and their exits. It imports no SSH library."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

OnOutput = Callable[[str, bytes], None]
"""Takes a stream, `stdout` or `stderr`, and bytes of it, in the order of arrival."""

OnClosed = Callable[["Exit"], None]

FailedReason = Literal["UNREACHABLE", "AUTH_FAILED", "HOST_KEY_UNKNOWN", "HOST_KEY_CHANGED", "START_FAILED"]

EarlyOutput = tuple[tuple[str, bytes], ...]
"""The beginning of `stdout` and `stderr`, as (stream, bytes)."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential for signing in. `secret` is the password, or the private key as PEM text; it is never shown."""

    kind: Literal["password", "key", "certificate"]
    secret: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server and how to sign in to it. `host_keys` are lines for `runner.ssh.host_keys.known_hosts`.

    `legacy_algorithms` are old ones that an admin allows, words of `db.values.LegacyAlgorithm`. `host_key_alias` is a
    name besides the host that its host certificate may be for. `jump` is the server through which it is reached, whose
    `name` is given too.
    """

    server_id: int
    host: str
    port: int
    username: str
    host_keys: tuple[str, ...]
    credential: Credential = field(repr=False)
    max_channels: int = 10
    legacy_algorithms: tuple[str, ...] = ()
    host_key_alias: str | None = None
    jump: "Endpoint | None" = None
    name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.host, *([self.host_key_alias] if self.host_key_alias else []))


@dataclass(frozen=True, slots=True)
class ConnectTimeouts:
    """Seconds for name lookup and TCP connection together, for the SSH login, and for opening one channel."""

    connect: float = 10.0
    login: float = 15.0
    channel: float = 15.0

    @property
    def both(self) -> float:
        """Seconds for the TCP connection, made by a jump server, and the login."""
        return self.connect + self.login


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a command, as far as the target reported it.

    `status` or `signal` (as `TERM`) came from the target, or both are None. `lost` is set if the connection was lost
    before the exit, or before all output had arrived. `held_open` is set if a process left behind held the output open
    for longer than is waited after the exit; `still_written` if it wrote until then.
    """

    status: int | None
    signal: str | None
    lost: bool
    held_open: bool = False
    still_written: bool = False


class ConnectFailed(Exception):
    """No command was started. `detail` is a sentence for people: what failed, and what to do.

    `passing` is set if the same attempt may succeed a little later. `early_output` is the output that came instead of a
    start. `at_jump`: a jump server on the way failed, and `detail` names it.
    """

    def __init__(
        self,
        reason: FailedReason,
        detail: str,
        *,
        passing: bool = False,
        early_output: EarlyOutput = (),
        at_jump: bool = False,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: FailedReason = reason
        self.detail = detail
        self.passing = passing
        self.early_output = early_output
        self.at_jump = at_jump

    def renew(self, detail: str | None = None) -> "ConnectFailed":
        """Return a copy for another waiter: each raise of one error lengthens its traceback."""
        return ConnectFailed(
            self.reason,
            detail or self.detail,
            passing=self.passing,
            early_output=self.early_output,
            at_jump=self.at_jump,
        )


class ChannelRefused(ConnectFailed):
    """This connection opens no further channel, or closes it at once; another connection may do."""

    def __init__(self, detail: str, *, passing: bool = False, early_output: EarlyOutput = ()) -> None:
        super().__init__("START_FAILED", detail, passing=passing, early_output=early_output)


class BadCredential(ValueError):
    """An unusable credential. `message` says what is wrong with `field`, `zh` says it in Chinese.

    `field` is `password`, `private_key`, `passphrase` or `certificate`.
    """

    def __init__(self, field: str, message: str, zh: str = "无法使用：请检查私钥、口令或证书。") -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.zh = zh


class BadHostKey(ValueError):
    """The line is not a host key of an accepted type."""


class RemoteProcess(Protocol):
    """A command on the target, on one channel."""

    async def wait(self) -> Exit:
        """Wait until the command has ended and its output has arrived (a child that holds the output open gets 5 s).

        Raises the exception that `on_output` raised, if any.
        """

    def pause(self) -> None:
        """Pause reading: at most one window (1 MiB) is buffered, then the command's writes block."""

    def resume(self) -> None: ...

    def write(self, data: bytes) -> None:
        """Write to the command's stdin. Raises BrokenPipeError once stdin or the channel is closed."""

    def write_eof(self) -> None: ...

    def signal(self, name: str) -> None:
        """Ask the server to send a signal (`TERM` or `SIGTERM`). The server may ignore it: check afterwards."""

    def abort(self) -> None:
        """Give up the channel now, whether or not the command has ended."""

    async def close(self) -> None:
        """Give up the channel, and wait until the server has closed it. May be called again."""


class ServerConnection(Protocol):
    """A connection on which commands are started."""

    @property
    def is_alive(self) -> bool:
        """True if another command may be started on it."""

    async def start(
        self,
        command: str,
        *,
        on_output: OnOutput,
        on_closed: OnClosed | None = None,
        stdin: bytes | None = None,
    ) -> RemoteProcess:
        """Start `command`, one opaque string that the account's shell reads.

        With `stdin` the command gets those bytes, then end of file; without, stdin stays open for `write`.

        Raises ConnectFailed only if the command was certainly not started. If the connection is lost when it may have
        been, the process is returned and its exit is `lost`.
        """

    async def probe(self) -> None:
        """Probe the server, and wait until it answers or the connection is lost."""

    async def close(self) -> None: ...


class RemoteShell(Protocol):
    """A shell on the target that has answered, and reads a program from `process`'s stdin."""

    @property
    def process(self) -> RemoteProcess: ...

    @property
    def pid(self) -> str:
        """The pid of the shell, and of any program that it becomes by `exec`; `-` if it is not known."""


class ShellSource(Protocol):
    """A source of shells on one server."""

    async def open_shell(self, *, on_output: OnOutput, on_closed: OnClosed | None = None) -> RemoteShell:
        """Return a shell that has answered and got no input yet. Raises ConnectFailed: nothing was started."""
