"""kill -9 of the service at random points: nothing accepted is lost, run twice, left stuck, or told falsely."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.faults import work
from tests.support.faults.service import Mortal, serving
from tests.support.faults.work import FULL, Job
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

RUNS, KILLS = (1000, 200) if FULL else (100, 20)
AT_ONCE = 12


@pytest.fixture
def service(openssh: Target, tmp_path: Path) -> Iterator[Mortal]:
    with serving(tmp_path / "data", openssh, SSHCAST_RUNNER_SLOTS="24") as mortal:
        yield mortal


@pytest.fixture
async def killing(service: Mortal) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(kill_again_and_again(service, KILLS), name="killer")
    yield task
    task.cancel()
    await asyncio.wait([task])


async def kill_again_and_again(service: Mortal, times: int) -> None:
    """At any moment: while it starts, and while it works or takes over what the one before left.

    Each other kill waits until it serves: else, on a machine where a start takes long, it never would.
    """
    chance = random.Random(7)
    async with service.client() as client:
        for number in range(times):
            if number % 2:
                await service.calls(client.get, "/readyz")
            await asyncio.sleep(chance.choice([0.4, 1.0, 2.0, 4.0]) * chance.uniform(0.0, 1.5))
            service.kill()
            service.start()


@pytest.mark.timeout(3600)
async def test_nothing_is_lost_run_twice_stuck_or_told_other_than_it_was(
    service: Mortal, killing: asyncio.Task[None], tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    jobs = work.jobs(tmp_path / "work", RUNS, seed=1)
    turns = asyncio.Semaphore(AT_ONCE)
    async with service.client() as client:

        async def one(number: int, job: Job) -> work.Found:
            # Spread over all the kills, so that each of them meets work.
            while service.deaths < number * KILLS // RUNS:  # noqa: ASYNC110 - a death has no event
                await asyncio.sleep(0.05)
            async with turns:
                id = await service.calls(work.submitted, client, 1, job)
                return await service.calls(work.found, client, id, job)

        found = await asyncio.gather(*(one(number, job) for number, job in enumerate(jobs)))
        await killing
        await service.calls(client.get, "/readyz")
    faults = [fault for each in found for fault in each.faults]
    print(json.dumps({"runs": len(found), "kills": service.deaths, "faults": len(faults)}))
    assert faults == []
    assert not any(each.unreached for each in found)
    assert service.deaths == KILLS
