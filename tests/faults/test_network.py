"""The network between the service and its target is cut in every way: the runs go on, and each is told once."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.support.faults import work
from tests.support.faults.network import Network, network
from tests.support.faults.service import Mortal, serving
from tests.support.faults.work import FULL
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(1800)]

RUNS = 200 if FULL else 40
CUTS = 60 if FULL else 12

Trouble = Callable[[Network], Awaitable[None]]


@pytest.fixture
async def between(openssh: Target) -> AsyncIterator[Network]:
    async with network(openssh.port) as made:
        yield made


@pytest.fixture
def service(between: Network, openssh: Target, tmp_path: Path) -> Iterator[Mortal]:
    """A service whose server number 1 is reached through the network that is in trouble."""
    with serving(tmp_path / "data", openssh, port=between.port) as mortal:
        yield mortal


async def closed(between: Network) -> None:
    await again_and_again(between.close_all)


async def reset(between: Network) -> None:
    await again_and_again(between.reset_all)


async def again_and_again(cut: Callable[[], None]) -> None:
    chance = random.Random(3)
    for _ in range(CUTS):
        await asyncio.sleep(chance.uniform(0.3, 2.0))
        cut()


async def black_hole(between: Network) -> None:
    await asyncio.sleep(1.5)
    async with between.stalled(between.up, between.down):
        await asyncio.sleep(60)


async def half_open(between: Network) -> None:
    """What the target says is swallowed, while it still hears us."""
    await asyncio.sleep(1.5)
    async with between.stalled(between.down):
        await asyncio.sleep(60)


@pytest.mark.parametrize("trouble", [closed, reset, black_hole, half_open], ids=lambda trouble: trouble.__name__)
async def test_runs_outlive_it(service: Mortal, between: Network, trouble: Trouble, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    jobs = work.jobs(tmp_path / "work", RUNS, seed=2)
    async with service.client() as client:
        await service.calls(client.get, "/readyz")
    cutting = asyncio.ensure_future(trouble(between))
    found = await work.carried_out(service, jobs, at_once=4 if trouble in (closed, reset) else 20)
    await cutting
    work.shown(trouble.__name__, found)
    assert [fault for each in found for fault in each.faults] == []
    assert sum(each.unreached for each in found) < RUNS / 2
