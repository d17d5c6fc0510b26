"""What every test shares."""

import os

import pytest

from tests.support.sampling import mark_thorough

# What takes longest, first: begun last, one of these would be waited for at the end by all other workers.
LONG = (
    "flows/test_accounts.py",
    "sshcast/test_cli.py",
    "sshcast/test_demo.py",
    "flows/test_story.py",
    "runner/test_simulation.py",
    "runner/test_scheduler_many.py",
    "runner/test_execution.py",
    "npm/test_clients.py",
    "sshcast/test_rotation.py",
    "runner/test_leases.py",
)
MOST_WORKERS = 8
WAITING = ("test_bare_targets.py", "test_left_behind.py", "test_removed_spools.py")
FURTHER_SHELLS = ("bash", "busybox")


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: a third of the tests' time is waiting, for SSH above all."""
    return min((os.cpu_count() or 1) * 3 // 2, MOST_WORKERS)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is marked
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if is_of_a_further_shell(item):
            item.add_marker(pytest.mark.faults)
    mark_thorough(config, items)
    items.sort(key=place)


def is_of_a_further_shell(item: pytest.Item) -> bool:
    """Whether a test that waits much is tried here with a shell besides the first: those are among the slow ones."""
    if item.path.name not in WAITING or not isinstance(item, pytest.Function):
        return False
    return item.callspec.params.get("bin") in FURTHER_SHELLS


def place(item: pytest.Item) -> int:
    name = item.nodeid.partition("::")[0].removeprefix("tests/")
    return LONG.index(name) if name in LONG else len(LONG)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """For fixtures of every scope. A test that holds none of a wider scope still has an event loop of its own."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own SSHCAST_* variables decide nothing here."""
    for name in [name for name in os.environ if name.startswith("SSHCAST_") and name != "SSHCAST_SUITE"]:
        monkeypatch.delenv(name)
