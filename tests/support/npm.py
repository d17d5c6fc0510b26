"""The npm clients that tests try, installed once: pinned by package.json, hashes checked by package-lock.json."""

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "npm"
MODULES = FOLDER / "node_modules"
TOOLS = FOLDER / "tools"
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
INSTALL_SECONDS = 100


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder of the installed packages. Scripts stand beside it, in tests/npm, so that node finds them."""
    return install_once(FOLDER)


@pytest.fixture(scope="session")
def tool_modules() -> Path:
    """The folder of the tools that make client code: large, and for the tests marked `clients` only."""
    return install_once(TOOLS)


def install_once(folder: Path) -> Path:
    """Install what the package.json of the folder names, unless it is there. Return the folder of the packages."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node and npm on this machine")
    lock, modules = folder / "package-lock.json", folder / "node_modules"
    stamp = modules / ".installed"
    with installing(lock):
        if not stamp.is_file() or stamp.read_text() != lock.read_text():
            done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS)
            if done.returncode != 0:
                pytest.fail(f"npm could not install the packages of {folder.name}: {done.stderr}", pytrace=False)
            stamp.write_text(lock.read_text())
    return modules


@contextmanager
def installing(lock: Path) -> Iterator[None]:
    """One test run at a time installs; another one waits, and finds it done."""
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def run_script(name: str, *args: str, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run tests/npm/NAME with node to its end."""
    command = ["node", str(FOLDER / name), *args]
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=timeout, check=False)
