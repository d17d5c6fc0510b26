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
CRONTAB = """#!/bin/sh
# {kind}
[ "$*" = -l ] || exit 2
[ -e {spool}/broken ] && {{ echo 'you may not use this program' >&2; exit 1; }}
[ -e {spool}/root ] || {{ echo 'no crontab for root' >&2; exit 1; }}
exec cat {spool}/root
"""
CRON = shutil.which("cron", path="/usr/sbin")


@dataclass(frozen=True, slots=True)
class CronHost:
    """A service, and the crontab of its demo's target. The account is whoever runs the tests."""

    remote: Remote
    spool: Path

    def write(self, *lines: str, end: str = "\n") -> None:
        """Replace the crontab at once, as `crontab` does."""
        made = self.spool / "new"
        made.write_text("\n".join(lines) + (end if lines else ""))
        made.chmod(0o600)
        made.rename(self.spool / "root")

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


@contextmanager
def running_cron(host: CronHost, folder: Path) -> Iterator[str]:
    """Run Debian's cron on the spool where it can be run, else a stand-in. What runs it: "cron" or "stand-in"."""
    if CRON is not None and os.geteuid() == 0 and _can_unshare():
        with _running_debian_cron(host.spool, folder):
            yield "cron"
    else:
        with _running_stand_in(host.spool):
            yield "stand-in"


def _can_unshare() -> bool:
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return done.returncode == 0


@contextmanager
def _running_debian_cron(spool: Path, folder: Path) -> Iterator[None]:
    """Run cron in a mount namespace in which this spool is its own, and the system's crontabs are not there."""
    empty = folder / "empty"
    empty.mkdir()
    (folder / "none").touch()
    mounts = f"mount --bind {spool} /var/spool/cron/crontabs && mount --bind {empty} /etc/cron.d"
    mounts += f" && mount --bind {folder / 'none'} /etc/crontab && mount -t tmpfs none /run && exec {CRON} -f"
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
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while True:
            now = time.time()
            if self.stopping.wait(60 - now % 60):
                return
            for line in (self.spool / "root").read_text().splitlines():
                if line.startswith("* * * * * "):
                    subprocess.Popen(["/bin/sh", "-c", line.removeprefix("* * * * * ")])
