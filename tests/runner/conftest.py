"""What the runner's tests share."""

import asyncio
from collections.abc import Callable

import pytest

from tests.targets import demo_target, openssh, target

__all__ = ["demo_target", "openssh", "target"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds. Fails after 15 s."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
