"""Starts a shell on a server with one line that every login shell reads alike, and waits for its answer.

Between sshcast and that shell are the account's login shell, its login files and forced commands, which may end, hang,
read input or print anything. So nothing is sent before the answer, and without it nothing was started. The answer is
the two halves of a nonce in reverse order, so that an echo of the line does not count as one.
"""

import asyncio
import re
import secrets
from collections.abc import Callable
from contextlib import suppress

from runner.ssh.protocol import (
    ChannelRefused,
    ConnectFailed,
    EarlyOutput,
    Exit,
    OnClosed,
    OnOutput,
    RemoteProcess,
    ServerConnection,
)

LINE = """exec /bin/sh -c 'echo "sshcast $$ $2$1"; exec /bin/sh' sshcast"""
PID = re.compile(rb"sshcast (\d+) $")
HALF_BYTES = 8
MOST_PRINTED = 1 << 20
KEPT_PRINTED = 1 << 16
PROBE_AT = 0.8
"""The fraction of the time for an answer after which the server is probed."""


class NoAnswer(ConnectFailed):
    """The server opened a session, and no shell answered in it in time: nothing was started."""


class MarkerReader:
    """Passes on the output after a `marker` line on one stream.

    `early_output` is the output before it, or its beginning. `overflowed` is set if far too much came before it.
    """

    def __init__(self, marker: str, on_output: Callable[[bytes], None]) -> None:
        self.found = False
        self.overflowed = False
        self._marker = f"{marker}\n".encode()
        self._on_output = on_output
        self._before = bytearray()

    @property
    def early_output(self) -> bytes:
        return bytes(self._before[:KEPT_PRINTED])

    @property
    def line_so_far(self) -> bytes:
        """The part of the marker's line before the marker."""
        return bytes(self._before[self._before.rfind(b"\n") + 1 :])

    def feed(self, data: bytes) -> None:
        if self.found:
            self._on_output(data)
        elif not self.overflowed:
            self._look_for_marker(data)

    def _look_for_marker(self, data: bytes) -> None:
        start = max(0, len(self._before) - len(self._marker))
        self._before += data
        at = self._before.find(self._marker, start)
        if at < 0:
            self.overflowed = len(self._before) > MOST_PRINTED
            return
        self.found = True
        rest = bytes(self._before[at + len(self._marker) :])
        del self._before[at:]
        if rest:
            self._on_output(rest)


class AnsweredShell:
    """A `runner.ssh.protocol.RemoteShell`. Output goes to the listener; `early_output` came before the answer."""

    def __init__(self, on_closed: OnClosed) -> None:
        self.exit: Exit | None = None
        self._process: RemoteProcess | None = None
        self._first, self._second = secrets.token_hex(HALF_BYTES), secrets.token_hex(HALF_BYTES)
        self._stdout = MarkerReader(self._second + self._first, self._pass_stdout)
        self._stderr = bytearray()
        self._settled = asyncio.Event()
        self._probe: asyncio.Task[None] | None = None
        self._release = on_closed
        self._on_output: OnOutput | None = None
        self._on_closed: OnClosed | None = None

    @property
    def process(self) -> RemoteProcess:
        if self._process is None:
            raise RuntimeError("this shell was not asked for yet")
        return self._process

    @property
    def is_open(self) -> bool:
        return self.exit is None

    @property
    def is_answered(self) -> bool:
        return self._stdout.found

    @property
    def pid(self) -> str:
        """The pid of the shell, and of any program that it becomes by `exec`; `-` while it is not known."""
        matched = PID.search(self._stdout.line_so_far)
        return matched[1].decode() if matched and self.is_answered else "-"

    @property
    def early_output(self) -> EarlyOutput:
        found = (("stdout", self._stdout.early_output), ("stderr", bytes(self._stderr)))
        return tuple((stream, data) for stream, data in found if data)

    def listen(self, on_output: OnOutput, on_closed: OnClosed | None) -> None:
        self._on_output, self._on_closed = on_output, on_closed

    async def begin(self, connection: ServerConnection, seconds: float) -> None:
        """Start the shell and wait for its answer. Raises ConnectFailed; after ChannelRefused, try another one."""
        line = f"{LINE} {self._first} {self._second}"
        probing = asyncio.get_running_loop().call_later(seconds * PROBE_AT, self._ask_for_life, connection)
        try:
            async with asyncio.timeout(seconds):
                self._process = await connection.start(line, on_output=self._feed, on_closed=self._close)
                await self._settled.wait()
        except TimeoutError:
            self._give_up()
            raise self.explain_silence(seconds) from None
        except BaseException:
            self._give_up()
            raise
        finally:
            probing.cancel()
            if self._probe is not None:
                self._probe.cancel()
        if not self.is_answered:
            self._give_up()
            raise self._build_error(connection)

    def explain_silence(self, seconds: float) -> ConnectFailed:
        """Explain why there is no shell in time: the whole server is silent, or only the account's shell is."""
        if self._probe is not None and (not self._probe.done() or self._probe.cancelled()):
            return NoAnswer(
                "UNREACHABLE", _explain_silent_server(seconds), passing=True, early_output=self.early_output
            )
        if self._process is None:
            return NoAnswer("START_FAILED", _explain_no_channel(seconds), early_output=self.early_output)
        return build_no_answer(seconds, self.early_output)

    def _ask_for_life(self, connection: ServerConnection) -> None:
        self._probe = asyncio.create_task(connection.probe(), name="ask for a sign of life")

    def _feed(self, stream: str, data: bytes) -> None:
        if stream == "stdout":
            self._stdout.feed(data)
            if self._stdout.found or self._stdout.overflowed:
                self._settled.set()
        elif self._on_output is not None:
            self._on_output(stream, data)
        else:
            self._stderr += data[: KEPT_PRINTED - len(self._stderr)]

    def _pass_stdout(self, data: bytes) -> None:
        if self._on_output is not None:
            self._on_output("stdout", data)

    def _close(self, exit: Exit) -> None:
        self.exit = exit
        self._settled.set()
        self._release(exit)
        if self._on_closed is not None:
            self._on_closed(exit)

    def _give_up(self) -> None:
        """Kill a hanging shell as far as the server allows, so that hung shells do not pile up."""
        if self._process is not None and self.exit is None:
            with suppress(OSError):
                self._process.signal("KILL")
            self._process.abort()

    def _build_error(self, connection: ServerConnection) -> ConnectFailed:
        if self._stdout.overflowed:
            what = _explain_no_answer(f"no shell answered in the first {MOST_PRINTED >> 20} MiB that it printed")
            return ConnectFailed("START_FAILED", what, early_output=self.early_output)
        exit = self.exit
        if exit is None or (exit.status is None and exit.signal is None):
            return ChannelRefused(_explain_close(connection), passing=True, early_output=self.early_output)
        how = f"exit status {exit.status}" if exit.signal is None else f"signal {exit.signal}"
        return ConnectFailed(
            "START_FAILED",
            f"Nothing was started: the account's login shell ended without running the command ({how}). "
            "Look at the output, the account's login files, its shell and any forced command.",
            early_output=self.early_output,
        )


def build_no_answer(seconds: float, early_output: EarlyOutput = ()) -> ConnectFailed:
    return NoAnswer(
        "START_FAILED",
        _explain_no_answer(f"no shell answered within {round(seconds, 1):g} s"),
        early_output=early_output,
    )


def _explain_silent_server(seconds: float) -> str:
    return (
        f"The server stopped answering on a connection that it had accepted: nothing came back within "
        f"{round(seconds, 1):g} s, so nothing was started. Check the network between, and the server's load."
    )


def _explain_no_channel(seconds: float) -> str:
    return (
        f"Nothing was started: the server opened no session for the command within {round(seconds, 1):g} s. "
        "Look at its load and its log."
    )


def _explain_no_answer(what: str) -> str:
    return (
        f"Nothing was started: the server gave a session, but {what}. "
        "Look at the account's login files, its shell, its home and any forced command."
    )


def _explain_close(connection: ServerConnection) -> str:
    if connection.is_alive:
        return "Nothing was started: the server gave a session and closed it, and no shell answered. Look at its log."
    return "The connection to the server was lost before a shell answered, so nothing was started."
