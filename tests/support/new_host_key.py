"""An OpenSSH server with two host keys, and one that gets another while it runs, as one that was installed anew."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.targets import Target, make_key, public_line, running_sshd

WAIT_SECONDS = 20.0


@pytest.fixture
def two_keyed_sshd(tmp_path: Path) -> Iterator[Target]:
    """With an Ed25519 and an RSA host key."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    _lay_rsa_key(folder / "rsa")
    with running_sshd(folder, f"HostKey {folder / 'rsa'}") as target:
        yield target


def _lay_rsa_key(path: Path) -> None:
    private, public = _make_rsa_key()
    path.touch(mode=0o600)
    path.write_bytes(private)
    path.with_name(f"{path.name}.pub").write_bytes(public)


@cache
def _make_rsa_key() -> tuple[bytes, bytes]:
    """Made once a process: it takes a third of a second."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rsa"
        make_key(path, kind="rsa")
        return path.read_bytes(), path.with_name("rsa.pub").read_bytes()


def give_new_host_key(target: Target) -> str:
    """Replace the Ed25519 key of a `running_sshd`, at the same port. The new key's line, once it is on offer."""
    path = target.folder / "host"
    for old in (path, path.with_name("host.pub")):
        old.unlink()
    make_key(path)
    os.kill(int((target.folder / "pid").read_text()), signal.SIGHUP)
    _wait_until_offered(target, line := public_line(path))
    return line


def _wait_until_offered(target: Target, line: str) -> None:
    command = ["ssh-keyscan", "-T", "2", "-t", "ed25519", "-p", str(target.port), target.host]
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        done = subprocess.run(command, capture_output=True, text=True)
        if line in done.stdout:
            return
        time.sleep(0.02)
    raise RuntimeError(f"the new host key is not on offer: {Path(target.folder / 'log').read_text()}")
