"""A target's sshd that a test kills and starts again, on one port, with one host key, and as another boot if wanted."""

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.targets import Target, running_sshd, started_sshd

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
GONE_SECONDS = 10.0


@dataclass(slots=True)
class Sshd:
    """`target` is where it is; every process that it starts has a HOME of its own, by which it is known."""

    target: Target
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def home(self) -> Path:
        return self.target.folder / "home"

    def kill(self) -> None:
        """kill -9 of the one that listens and of those that serve connections. What they started goes on."""
        listener = int((self.target.folder / "pid").read_text())
        end([listener, *descendants(listener, named="sshd")])
        if self.process is not None:
            self.process.wait()

    def start(self, *prefix: str) -> None:
        """Listen again, in the same place. `prefix`: a command that runs it, as `unshare` does."""
        self.process = started_sshd(self.target.folder, self.target.port, prefix)

    def reboot(self) -> None:
        """As a machine that was restarted: all processes are gone, folders are there, and the boot has another id."""
        self.kill()
        self.end_all()
        boot = self.target.folder / "boot"
        boot.write_text(f"{uuid.uuid4()}\n")
        self.start(*mounting(f"mount --bind {boot} {BOOT_ID}"))

    def end_all(self) -> None:
        """All at once, as a power cut does it: none sees another one end."""
        halted: set[int] = set()
        while found := set(self.processes()) - halted:
            send(signal.SIGSTOP, found)
            halted |= found
        end(halted)

    def processes(self) -> list[int]:
        """All that its connections have started and that still runs."""
        return having(f"HOME={self.home}")


@contextmanager
def mortal_sshd(folder: Path, *lines: str) -> Iterator[Sshd]:
    with running_sshd(folder, *lines) as target:
        sshd = Sshd(target)
        try:
            yield sshd
        finally:
            sshd.kill()
            sshd.end_all()


def mounting(*commands: str) -> list[str]:
    """A prefix that runs what follows where these commands have mounted something, which nobody else sees."""
    needs_mounts()
    return ["unshare", "-m", "sh", "-c", " && ".join([*commands, 'exec "$@"']), "sh"]


def needs_mounts() -> None:
    unshare = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    if shutil.which("unshare") is None or subprocess.run(unshare, capture_output=True).returncode != 0:
        pytest.skip("this account may not mount")


def end(pids: Collection[int]) -> None:
    """kill -9, and wait until they are gone."""
    send(signal.SIGKILL, pids)
    deadline = time.monotonic() + GONE_SECONDS
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "kill -9 did not end it"
        time.sleep(0.01)


def send(number: signal.Signals, pids: Collection[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def descendants(pid: int, *, named: str) -> list[int]:
    """Those of its children, and of theirs, that have this name."""
    found = []
    for path in Path("/proc").glob(f"{pid}/task/*/children"):
        for child in map(int, path.read_text().split()):
            if named in comm(child):
                found += [child, *descendants(child, named=named)]
    return found


def comm(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""


def having(variable: str) -> list[int]:
    """Pids of processes that have this in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if variable.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found
