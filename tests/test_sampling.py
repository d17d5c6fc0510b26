"""What the default run takes of a large matrix: one case of each kind at least, and the rest of it is not lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONFTEST = """
from tests.support.sampling import mark_thorough

def pytest_configure(config):
    for line in ("sampled: x", "thorough: x", "faults: x"):
        config.addinivalue_line("markers", line)

def pytest_collection_modifyitems(config, items):
    mark_thorough(config, items)
"""
TESTS = """
import pytest

@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("n", range(5))
def test_every(n): ...

@pytest.mark.sampled(each="kind")
@pytest.mark.parametrize(("kind", "n"), [("a", 1), ("a", 2), ("b", 1), ("b", 2)])
def test_each(kind, n): ...

@pytest.mark.sampled
def test_counts(): ...

@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("n", [pytest.param(0, marks=pytest.mark.faults), 1, 2])
def test_slow(n): ...

@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
class TestBoth:
    def test_0(self, database): ...
    def test_1(self, database): ...
    def test_2(self, database): ...
    def test_3(self, database): ...
    def test_4(self, database): ...
"""
DEFAULT = {
    *("test_every[0]", "test_every[3]", "test_each[a-1]", "test_each[b-1]", "test_counts", "test_slow[1]"),
    *(f"test_{n}[sqlite]" for n in range(5)),
    *(f"test_{n}[postgresql]" for n in (0, 4)),
}
REST = {
    *("test_every[1]", "test_every[2]", "test_every[4]", "test_each[a-2]", "test_each[b-2]", "test_slow[2]"),
    *(f"test_{n}[postgresql]" for n in (1, 2, 3)),
}
MARKED = {name for name in DEFAULT | REST if not name[5].isdigit()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_matrix.py").write_text(TESTS)
    return tmp_path


def collect(folder: Path, marker: str, suite: str, *options: str) -> set[str]:
    """The cases that pytest would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-c", os.devnull, f"--rootdir={folder}"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SSHCAST_SUITE": suite}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        [*command, "-m", marker, *options], cwd=folder, env=environment, capture_output=True, text=True
    )
    return {line.rpartition("::")[2] for line in done.stdout.splitlines() if "::" in line}


def test_the_default_run_takes_the_sample_and_the_thorough_run_all_that_it_leaves_out(folder: Path) -> None:
    assert collect(folder, "not thorough and not faults", "") == DEFAULT
    assert collect(folder, "thorough", "") == REST


def test_the_thorough_run_in_full_tries_every_case_of_what_is_sampled(folder: Path) -> None:
    assert collect(folder, "thorough", "full") == MARKED | REST


@pytest.mark.parametrize("suite", ["", "full"])
@pytest.mark.parametrize("marker", ["thorough", "not thorough and not faults"])
def test_what_failed_is_tried_again_whichever_run_it_failed_in(folder: Path, marker: str, suite: str) -> None:
    failed = (
        "test_every[1]",
        "test_every[3]",
        "test_counts",
        "TestBoth::test_3[postgresql]",
        "TestBoth::test_0[sqlite]",
    )
    cache = folder / ".pytest_cache" / "v" / "cache"
    cache.mkdir(parents=True)
    (cache / "lastfailed").write_text(json.dumps({f"test_matrix.py::{name}": True for name in failed}))
    assert collect(folder, marker, suite, "--last-failed") == {name.removeprefix("TestBoth::") for name in failed}
