"""What a wheel holds, and what the lock promises."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.txt", "requirements-dev.txt")
LOCKED = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*)", re.MULTILINE)
DATA_SUFFIXES = {".html", ".js", ".css", ".toml", ".sh", ".graphql", ".mako"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as file:
        return set(file.namelist())


def test_the_wheel_holds_every_module_and_every_file_that_is_read_at_run_time(wheel: set[str]) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    packages = tuple(f"{name}/" for name in ("sshcast", "schema", "resolvers", "runner", "db"))
    needed = {
        name
        for name in tracked.splitlines()
        if name.startswith(packages) and Path(name).suffix in DATA_SUFFIXES | {".py"} and (ROOT / name).exists()
    }
    assert needed - wheel == set()


def test_the_wheel_brings_the_examples_and_the_command(wheel: set[str]) -> None:
    folder = ROOT / "graphql_examples"
    examples = {f"sshcast/console/examples/{path.relative_to(folder)}" for path in folder.rglob("*") if path.is_file()}
    assert examples
    assert examples - wheel == set()
    assert any(name.endswith("entry_points.txt") for name in wheel)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    packages = LOCKED.findall(text)
    assert len(packages) > 40
    assert [name for name, _, rest in packages if "--hash=" not in rest] == []
    assert "://" not in text


def test_what_is_installed_is_at_least_what_the_project_asks_for() -> None:
    for line in PROJECT["project"]["dependencies"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(version(wanted.name)), line


def test_the_lock_holds_every_dependency_of_the_project() -> None:
    locked = {line.split("==")[0].split("[")[0] for line in (ROOT / LOCKS[0]).read_text().splitlines() if "==" in line}
    assert {Requirement(line).name for line in PROJECT["project"]["dependencies"]} - locked == set()


def test_the_changelog_has_a_dated_section_for_this_version_right_below_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(PROJECT['project']['version'])}\] - \d{{4}}-\d\d-\d\d", headings[1])
    assert len(headings) == len(set(headings)) > 2


def test_what_is_installed_is_this_version() -> None:
    assert version("sshcast") == PROJECT["project"]["version"]
