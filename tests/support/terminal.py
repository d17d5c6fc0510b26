"""A command on a terminal of its own: a pty that is its controlling terminal, as a shell's window gives it one."""

import fcntl
import os
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.commands import ROOT, Commands

SECONDS = 60.0


@dataclass(slots=True)
class Terminal:
    """What the command has shown so far (`\\n` comes as `\\r\\n`), and its keyboard."""

    descriptor: int
    process: "subprocess.Popen[bytes]"
    shown: bytes = field(default=b"")

    def wait_for(self, text: bytes) -> bytes:
        """All that was shown, once `text` is in what came after the last call."""
        begin, deadline = len(self.shown), time.monotonic() + SECONDS
        while text not in self.shown[begin:]:
            assert self._read(deadline), self.shown
        return self.shown

    def wait_for_match(self, pattern: re.Pattern[bytes], begin: int, seconds: float = SECONDS) -> "re.Match[bytes]":
        """The first match in what was shown after `begin` bytes, also where some of it was read before."""
        deadline = time.monotonic() + seconds
        while (found := pattern.search(self.shown, begin)) is None:
            assert self._read(deadline), self.shown
        return found

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def end(self) -> int:
        """The exit status, once all was shown."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(SECONDS)

    def _read(self, deadline: float) -> bool:
        if not select.select([self.descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"nothing came: {self.shown!r}")
        try:
            data = os.read(self.descriptor, 65_536)
        except OSError:  # every process has closed it
            return False
        self.shown += data
        return data != b""


@contextmanager
def on_terminal(commands: Commands, *command: str, **streams: int) -> Iterator[Terminal]:
    """`command` on a new terminal; a stream named in `streams` (stdin, stdout, stderr) is that descriptor instead."""
    ours, its = os.openpty()
    given = {"stdin": its, "stdout": its, "stderr": its} | streams
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=commands.environment() | {"TERM": "xterm"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(its, termios.TIOCSCTTY, 0),
        **given,  # type: ignore[call-overload]
    )
    os.close(its)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
