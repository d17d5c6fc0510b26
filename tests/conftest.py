"""What every test shares."""

import os

import pytest

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


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: a third of the tests' time is waiting, for SSH above all."""
    return min((os.cpu_count() or 1) * 3 // 2, MOST_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=place)


def place(item: pytest.Item) -> int:
    name = item.nodeid.partition("::")[0].removeprefix("tests/")
    return LONG.index(name) if name in LONG else len(LONG)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own SSHCAST_* variables decide nothing here."""
    for name in [name for name in os.environ if name.startswith("SSHCAST_") and name != "SSHCAST_SUITE"]:
        monkeypatch.delenv(name)
