"""A data folder with the admin alice and the server `web`, which is a real OpenSSH: shared by the tests of a module."""

import signal
import subprocess
import sys

import pytest

from tests.support.commands import ROOT, Commands
from tests.support.targets import Target, openssh

__all__ = ["PASSWORD", "SSHCAST", "commands", "interrupt_fleet_run", "openssh"]

PASSWORD = "correct horse battery"
SSHCAST = (sys.executable, "-m", "sshcast")


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory, openssh: Target) -> Commands:
    found = Commands(tmp_path_factory.mktemp("cli") / "data")
    added = found.within("user", "add", "alice", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert added.returncode == 0, added.stderr.decode()
    where = ["--host", openssh.host, "--port", str(openssh.port), "--user", openssh.username]
    key = ["--key", str(openssh.folder / "user"), "--host-key", openssh.host_key]
    added = found.within("server", "add", "web", *where, *key)
    assert added.returncode == 0, added.stderr.decode()
    return found


def interrupt_fleet_run(commands: Commands, *args: str) -> tuple[str, str]:
    """Press Ctrl-C as soon as `sshcast run` has named its fleet run. Return stdout and stderr; it ends with 130."""
    process = subprocess.Popen(
        [*SSHCAST, "run", *args],
        cwd=ROOT,
        env=commands.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("fleet run ")
    process.send_signal(signal.SIGINT)
    shown, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    return shown, told
