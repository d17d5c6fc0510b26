"""What the runner's tests share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from db.store import Store
from tests.runner.stores import Unruly, sqlite, template
from tests.targets import demo_target, openssh, target

__all__ = ["demo_target", "openssh", "target", "template"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def store(template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    async with sqlite(template, tmp_path) as opened:
        yield opened


@pytest.fixture
async def unruly(store: Store) -> Unruly:
    return Unruly(store)


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds. Fails after 15 s."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
