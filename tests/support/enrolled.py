"""A data folder with the admin alice and the server `web`, which is a real OpenSSH: shared by the tests of a module."""

import sys

import pytest

from tests.support.commands import Commands
from tests.support.targets import Target, openssh

__all__ = ["PASSWORD", "SSHCAST", "commands", "openssh"]

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
