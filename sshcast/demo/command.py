"""A command of the demo SSH server: /bin/sh in its own process group, connected to a channel."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol, cast

KILL_SECONDS = 2.0
EOF_GRACE_SECONDS = 2.0
STDOUT, STDERR = 1, 2
KEPT_VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR")


class Channel(Protocol):
    """The part of an SSH channel that a command needs."""

    def write(self, data: bytes) -> None: ...
    def write_stderr(self, data: bytes) -> None: ...
    def exit(self, status: int) -> None: ...
    def exit_with_signal(self, signal: str) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def is_closing(self) -> bool: ...


def build_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return the few variables that a login would set: the service's own environment holds secrets."""
    kept = {name: own[name] for name in KEPT_VARIABLES if name in own}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **kept}


class DemoCommand(asyncio.SubprocessProtocol):
    """A command that runs after `start`; `ended` is set when its process has ended and nothing is left to do."""

    def __init__(self, channel: Channel, command: str, *, environment: dict[str, str]) -> None:
        self._channel = channel
        self._command = command
        self._environment = environment
        self._folder = environment.get("HOME", "/") if os.path.isdir(environment.get("HOME", "/")) else "/"
        self._process: asyncio.SubprocessTransport | None = None
        self._spawning: asyncio.Task[None] | None = None
        self._when_ended: Callable[[], None] | None = None
        self._early = bytearray()
        self._early_eof = False
        self._early_signals: list[signal.Signals] = []
        self._open_pipes = {STDOUT, STDERR}
        self._held = False
        self.ended = asyncio.Event()

    def start(self, when_ended: Callable[[], None]) -> None:
        self._when_ended = when_ended
        self._spawning = asyncio.create_task(self._spawn(), name="demo command")

    def feed(self, data: bytes) -> None:
        """Write bytes to stdin."""
        stdin = self._find_stdin()
        if self._process is None:
            self._early += data
        elif stdin is not None and not stdin.is_closing():
            stdin.write(data)

    def feed_eof(self) -> None:
        stdin = self._find_stdin()
        if self._process is None:
            self._early_eof = True
        elif stdin is not None:
            stdin.close()  # after what is buffered is written

    def send_signal(self, number: signal.Signals) -> bool:
        """Send a signal to the whole process group; return False if it is gone."""
        if self._process is None:
            self._early_signals.append(number)
            return True
        try:
            os.killpg(self._process.get_pid(), number)
        except ProcessLookupError:
            return False
        return True

    def hold_output(self) -> None:
        """Stop reading the pipes, because the channel is full."""
        self._held = True
        for pipe in self._list_output_pipes():
            pipe.pause_reading()

    def release_output(self) -> None:
        self._held = False
        for pipe in self._list_output_pipes():
            pipe.resume_reading()

    def end(self, *, at_once: bool = False) -> None:
        """End the group: TERM now and KILL later, or KILL at once."""
        self._open_pipes.clear()
        left = self.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)
        if left and not at_once:
            asyncio.get_running_loop().call_later(KILL_SECONDS, self.send_signal, signal.SIGKILL)
        self._finish_if_over()

    # What asyncio calls for the process and its pipes.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._process = cast(asyncio.SubprocessTransport, transport)
        self._deliver_early_events()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        with suppress(OSError):  # the channel is closed: nobody reads this any more
            if fd == STDOUT:
                self._channel.write(data)
            else:
                self._channel.write_stderr(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open_pipes.discard(fd)
        self._finish_if_over()

    def pause_writing(self) -> None:
        """Note that stdin's pipe is full."""
        self._channel.pause_reading()

    def resume_writing(self) -> None:
        # Not at once: the pipe's transport loses bytes that are written while it tells us that there is room.
        asyncio.get_running_loop().call_soon(self._channel.resume_reading)

    def process_exited(self) -> None:
        asyncio.get_running_loop().call_later(EOF_GRACE_SECONDS, self._give_up_on_pipes)
        self._finish_if_over()

    async def _spawn(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.subprocess_exec(
                lambda: self,
                "/bin/sh",
                "-c",
                self._command,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._report_start_failure(error)

    def _report_start_failure(self, error: Exception) -> None:
        with suppress(OSError):
            self._channel.write_stderr(f"sshcast demo server: the command cannot be run: {error}\n".encode())
            self._channel.exit(126)
        self._mark_ended()

    def _deliver_early_events(self) -> None:
        """Pass on what arrived before the process existed."""
        if self._early:
            self.feed(bytes(self._early))
            self._early.clear()
        if self._early_eof:
            self.feed_eof()
        if self._held:
            self.hold_output()
        for number in self._early_signals:
            self.send_signal(number)

    def _give_up_on_pipes(self) -> None:
        """Close the pipes: a child that outlives the command may hold them open for ever."""
        if self._held:
            asyncio.get_running_loop().call_later(EOF_GRACE_SECONDS, self._give_up_on_pipes)
            return
        self._open_pipes.clear()
        self._finish_if_over()

    def _finish_if_over(self) -> None:
        if self.ended.is_set() or self._process is None or self._open_pipes:
            return
        status = self._process.get_returncode()
        if status is None:
            return
        with suppress(OSError):
            if status < 0:
                self._channel.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
            else:
                self._channel.exit(status)
        self._mark_ended()

    def _mark_ended(self) -> None:
        if self._process is not None:
            self._process.close()
        self.ended.set()
        if self._when_ended is not None:
            self._when_ended()

    def _find_stdin(self) -> asyncio.WriteTransport | None:
        if self._process is None:
            return None
        return cast(asyncio.WriteTransport | None, self._process.get_pipe_transport(0))

    def _list_output_pipes(self) -> list[asyncio.ReadTransport]:
        if self._process is None:
            return []
        pipes = (self._process.get_pipe_transport(fd) for fd in (STDOUT, STDERR))
        return [cast(asyncio.ReadTransport, pipe) for pipe in pipes if pipe is not None and not pipe.is_closing()]
