"""What every test shares."""

import os

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own SSHCAST_* variables decide nothing here."""
    for name in [name for name in os.environ if name.startswith("SSHCAST_") and name != "SSHCAST_SUITE"]:
        monkeypatch.delenv(name)
