"""The npm clients that tests try, installed once: pinned by package.json, hashes checked by package-lock.json."""

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "npm"
LOCK = FOLDER / "package-lock.json"
MODULES = FOLDER / "node_modules"
STAMP = MODULES / ".installed"
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
INSTALL_SECONDS = 100


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder of the installed packages. Scripts stand beside it, in tests/npm, so that node finds them."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node and npm on this machine")
    with installing():
        if not STAMP.is_file() or STAMP.read_text() != LOCK.read_text():
            install()
    return MODULES


def install() -> None:
    done = subprocess.run(INSTALL, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode != 0:
        pytest.fail(f"npm could not install the clients of tests/npm/package.json: {done.stderr}", pytrace=False)
    STAMP.write_text(LOCK.read_text())


@contextmanager
def installing() -> Iterator[None]:
    """One test run at a time installs; another one waits, and finds it done."""
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_script(name: str, *args: str, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run tests/npm/NAME with node to its end."""
    command = ["node", str(FOLDER / name), *args]
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=timeout, check=False)
