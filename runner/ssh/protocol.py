"""What the runner says about SSH: endpoints, connections, processes and how they end. No SSH library here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

OnOutput = Callable[[str, bytes], None]
"""Takes the stream, `stdout` or `stderr`, and bytes of it, in the order in which they came."""

OnClosed = Callable[["Exit"], None]

FailedReason = Literal["UNREACHABLE", "AUTH_FAILED", "HOST_KEY_UNKNOWN", "HOST_KEY_CHANGED", "START_FAILED"]

EarlyOutput = tuple[tuple[str, bytes], ...]
"""Bytes of the streams `stdout` and `stderr`."""


@dataclass(frozen=True, slots=True)
class Credential:
    """How to sign in. `secret` is the password, or the private key as PEM text; never shown."""

    kind: Literal["password", "key", "certificate"]
    secret: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server to sign in to. `host_keys` are the lines that `runner.ssh.keys.known_hosts` reads.

    `legacy_algorithms`: old ones that an admin allows it, words of `db.values.LegacyAlgorithm`. `host_key_alias`: a
    name besides the host that its host certificate may be for.
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

    @property
    def names(self) -> tuple[str, ...]:
        return (self.host, *([self.host_key_alias] if self.host_key_alias else []))


@dataclass(frozen=True, slots=True)
class ConnectTimeouts:
    """Seconds: for the name and the TCP connection together, for the SSH login, and for opening one channel."""

    connect: float = 10.0
    login: float = 15.0
    channel: float = 15.0


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended, as far as the target said.

    `status` or `signal` (as `TERM`) came from the target, or both are None. `lost`: the connection went away before
    the exit was known, or before all output had come. `held_open`: something that the command left running kept its
    output open for longer than we wait after the exit; `still_written`: and wrote until then.
    """

    status: int | None
    signal: str | None
    lost: bool
    held_open: bool = False
    still_written: bool = False


class ConnectFailed(Exception):
    """No command was started. `detail` is a sentence for people: what failed, and what to do.

    `passing`: the same attempt may succeed a little later. `early_output`: what came instead of a start.
    """

    def __init__(
        self, reason: FailedReason, detail: str, *, passing: bool = False, early_output: EarlyOutput = ()
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: FailedReason = reason
        self.detail = detail
        self.passing = passing
        self.early_output = early_output

    def renew(self, detail: str | None = None) -> "ConnectFailed":
        """The same for one more who hears of it: a traceback grows with each raise."""
        return ConnectFailed(self.reason, detail or self.detail, passing=self.passing, early_output=self.early_output)


class ChannelRefused(ConnectFailed):
    """This connection opens no further channel, or closes it at once: another one may do."""

    def __init__(self, detail: str, *, passing: bool = False, early_output: EarlyOutput = ()) -> None:
        super().__init__("START_FAILED", detail, passing=passing, early_output=early_output)


class BadCredential(ValueError):
    """`field` is `password`, `private_key`, `passphrase` or `certificate`; `message` says what is wrong with it.

    `zh` says it in Chinese.
    """

    def __init__(self, field: str, message: str, zh: str = "无法使用：请检查私钥、口令或证书。") -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.zh = zh


class BadHostKey(ValueError):
    """The line is not a host key of an accepted type."""


class RemoteProcess(Protocol):
    """A command on the target, over one channel."""

    async def wait(self) -> Exit:
        """When the command has ended and its output has come (a child that keeps the pipe open gets 5 s).

        Raises what `on_output` raised, if it did.
        """

    def pause(self) -> None:
        """Take no more output for now: at most one window (1 MiB) is kept, then the command's writes block."""

    def resume(self) -> None: ...

    def write(self, data: bytes) -> None:
        """To the command's stdin. Raises BrokenPipeError once stdin or the channel is closed."""

    def write_eof(self) -> None: ...

    def signal(self, name: str) -> None:
        """Ask the server to send a signal (`TERM` or `SIGTERM`). It may not: look afterwards."""

    def abort(self) -> None:
        """Give the channel up now, whatever the command does."""

    async def close(self) -> None:
        """Give the channel up, and wait until the server has. May be called again."""


class ServerConnection(Protocol):
    """Something that starts commands on one server."""

    @property
    def is_alive(self) -> bool:
        """Whether another command may be started here."""

    async def start(
        self,
        command: str,
        *,
        on_output: OnOutput,
        on_closed: OnClosed | None = None,
        stdin: bytes | None = None,
    ) -> RemoteProcess:
        """Start `command`, one opaque string that the account's shell reads.

        With `stdin` given the command gets those bytes, then end of file; without, stdin stays open for `write`.
        Raises ConnectFailed only when the command was certainly not started. If the connection is lost when it may
        have been, the process is returned and its exit is `lost`.
        """

    async def probe(self) -> None:
        """Ask the server for a sign of life, and wait until it gives one or the connection is lost."""

    async def close(self) -> None: ...


class RemoteShell(Protocol):
    """A shell of ours on the target that has answered, and reads a program from `process`'s stdin."""

    @property
    def process(self) -> RemoteProcess: ...

    @property
    def pid(self) -> str:
        """Of the shell, and of whatever it becomes by `exec`; `-` where that is not known."""


class ShellSource(Protocol):
    """Something that gives shells on one server."""

    async def open_shell(self, *, on_output: OnOutput, on_closed: OnClosed | None = None) -> RemoteShell:
        """A shell that has answered and has been sent nothing yet. Raises ConnectFailed: nothing was started."""
