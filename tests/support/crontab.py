"""An account's crontab on the demo's target: a `crontab` that knows `-l`, and a cron that reads the same file."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.remote import Remote, serving_remotely

# The spool's file is the account's, as Debian's cron keeps it: read as cron reads it, with no line left out.
# With a file `later` there, somebody puts that in place right after it has been read.
CRONTAB = """#!/bin/sh
# {kind}
[ "$*" = - ] && {{ umask 077; cat >{spool}/new && exec mv {spool}/new {spool}/root; }}
[ "$*" = -l ] || exit 2
[ -e {spool}/broken ] && {{ echo 'you may not use this program' >&2; exit 1; }}
[ -e {spool}/root ] || {{ echo 'no crontab for root' >&2; exit 1; }}
cat {spool}/root
[ ! -e {spool}/later ] || mv {spool}/later {spool}/root
[ ! -e {spool}/breaking ] || mv {spool}/breaking {spool}/broken
"""
# What cron reads: a test's own takes their places, in a mount namespace.
PLACES = ("/var/spool/cron/crontabs", "/etc/cron.d", "/etc/crontab")
CRON = shutil.which("cron", path="/usr/local/sbin:/usr/sbin")


@dataclass(frozen=True, slots=True)
class CronHost:
    """A service, and the crontab of its demo's target. The account is whoever runs the tests."""

    remote: Remote
    spool: Path

    def write(self, *lines: str) -> None:
        """Replace the crontab at once, as `crontab` does."""
        self._put("root", lines)

    def write_later(self, *lines: str) -> None:
        """Replace the crontab right after it will have been read once."""
        self._put("later", lines)

    def _put(self, name: str, lines: tuple[str, ...]) -> None:
        made = self.spool / "new"
        made.write_text("".join(f"{line}\n" for line in lines))
        made.chmod(0o600)
        made.rename(self.spool / name)

    def remove(self, text: str) -> None:
        """Take the line with this text out."""
        self.write(*(line for line in self.read() if text not in line))

    def read(self) -> list[str]:
        return (self.spool / "root").read_text().splitlines()

    def set_broken(self, is_broken: bool) -> None:
        """Have `crontab -l` fail."""
        path = self.spool / "broken"
        if is_broken:
            path.touch()
        else:
            path.unlink(missing_ok=True)

    def break_later(self) -> None:
        """Have `crontab -l` fail after it will have been read once."""
        (self.spool / "breaking").touch()


@contextmanager
def serving_beside_cron(folder: Path, kind: str = "cronie") -> Iterator[CronHost]:
    """Run a demo service whose target has a `crontab` of this kind: cronie, or one that says nothing of itself."""
    spool, programs = folder / "spool", folder / "bin"
    for path in (spool, programs, folder / "remote"):
        path.mkdir(mode=0o700)
    tool = programs / "crontab"
    tool.write_text(CRONTAB.format(spool=spool, kind=kind))
    tool.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        with serving_remotely(folder / "remote") as remote:
            yield CronHost(remote, spool)


def find_kinds() -> tuple[str, ...]:
    """What can run a spool's crontab here: Debian's cron, where it is installed and may be run, and a stand-in."""
    has_cron = CRON is not None and os.geteuid() == 0 and all(map(os.path.exists, PLACES)) and _can_unshare()
    return ("cron", "stand-in") if has_cron else ("stand-in",)


@contextmanager
def running_cron(kind: str, spool: Path, folder: Path) -> Iterator[None]:
    """Run one of `find_kinds` on the spool."""
    with _running_debian_cron(spool, folder) if kind == "cron" else _running_stand_in(spool):
        yield


def _can_unshare() -> bool:
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return done.returncode == 0


@contextmanager
def _running_debian_cron(spool: Path, folder: Path) -> Iterator[None]:
    """Run cron in a mount namespace in which this spool is its own, and the system's crontabs are not there."""
    empty = folder / "empty"
    empty.mkdir()
    (folder / "none").touch()
    binds = [f"mount --bind {made} {at}" for made, at in zip((spool, empty, folder / "none"), PLACES, strict=True)]
    mounts = " && ".join([*binds, "mount -t tmpfs none /run", f"exec {CRON} -f"])
    process = subprocess.Popen(["unshare", "-m", "sh", "-c", mounts], start_new_session=True)
    try:
        yield
        assert process.poll() is None, "cron has ended"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@contextmanager
def _running_stand_in(spool: Path) -> Iterator[None]:
    loop = StandIn(spool)
    thread = threading.Thread(target=loop.run, name="cron")
    thread.start()
    try:
        yield
    finally:
        loop.stopping.set()
        thread.join(70)


@dataclass(slots=True)
class StandIn:
    """Cron's loop: at each minute's turn it reads the crontab anew, and then runs the lines, all of `* * * * *`."""

    spool: Path
    minute: float = 60.0
    stopping: threading.Event = field(default_factory=threading.Event)
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def run(self) -> None:
        try:
            self._run_turns()
        finally:
            for process in self.started:
                process.wait(10)

    def _run_turns(self) -> None:
        turn = time.time() // self.minute + 1
        while not self.stopping.wait(max(0, turn * self.minute - time.time())):
            if time.time() < turn * self.minute:
                continue
            turn += 1
            for line in (self.spool / "root").read_text().splitlines():
                if line.startswith("* * * * * "):
                    command = line.removeprefix("* * * * * ")
                    self.started.append(subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL))
