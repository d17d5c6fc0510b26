"""The service that the programs talk to, with its runner and a real SSH server, and the tasks that they run."""

from collections.abc import AsyncIterator

import pytest

from tests.support.client_runs import WatchedTask, create_watched_task
from tests.support.service import Running, running

SHORT_LIFE_SECONDS = 3


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("clients"), drive=True) as found:
        yield found


@pytest.fixture(scope="module")
async def task(service: Running, tmp_path_factory: pytest.TempPathFactory) -> WatchedTask:
    """Runs for about half a second."""
    return await create_watched_task(service, tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="module")
async def long_task(service: Running, tmp_path_factory: pytest.TempPathFactory) -> WatchedTask:
    """Runs for four and a half seconds: longer than the access tokens of `short_tokens` are valid."""
    return await create_watched_task(service, tmp_path_factory.mktemp("long"), pause_seconds=0.9)


@pytest.fixture
def short_tokens(service: Running, long_task: WatchedTask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make access tokens that users sign in for valid for 3 seconds: the setting's least is a minute."""
    monkeypatch.setattr(service.service.tokens, "access_seconds", SHORT_LIFE_SECONDS)
