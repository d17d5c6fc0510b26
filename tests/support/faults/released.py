"""The code of the version that was released before this one, out of the repository's history."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.commands import ROOT, Commands

COMMIT = "1c51a57"


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with that code. A clone without its history, as CI may make one, skips the test."""
    archive = subprocess.run(["git", "archive", COMMIT], cwd=ROOT, capture_output=True)
    if archive.returncode != 0:
        pytest.skip(f"this is not a clone that has the commit {COMMIT}, the version before")
    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def commands_of(code: Path, data: Path, variables: dict[str, str]) -> Commands:
    """Its commands. `python -m` would look into the working directory first: PYTHONSAFEPATH keeps it from that."""
    return Commands(data, variables | {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"})


def loaded_by(commands: Commands) -> set[str]:
    """The files of our packages that a command of theirs imports."""
    names = "db, resolvers, runner, schema, sshcast"
    program = f"import {names}; print(*(module.__file__ for module in ({names})))"
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=commands.environment(), capture_output=True)
    assert found.returncode == 0, found.stderr.decode()
    return set(found.stdout.decode().split())
