"""Targets without SSH between: this machine, with each of the shells in turn."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_target import LocalTarget, Runs, Watched, shell_folder


@pytest.fixture(params=["dash", "bash", "busybox"])
def bin(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return shell_folder(request.param, tmp_path / "bin")


@pytest.fixture
async def local(bin: Path, tmp_path: Path) -> AsyncIterator[LocalTarget]:
    home = tmp_path / "home"
    home.mkdir()
    target = LocalTarget(bin, home)
    yield target
    await target.close()


@pytest.fixture
def runs(local: LocalTarget) -> Runs:
    """Describes a run of a command, with a spool of its own."""

    def run(command: str, **changes: Any) -> Watched:
        usual: dict[str, Any] = {"target": local, "command": command, "spool": f"7-{secrets.token_hex(8)}."}
        return Watched(**usual | changes)

    return run
