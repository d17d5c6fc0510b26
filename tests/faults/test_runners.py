"""Several services on one PostgreSQL, and kill -9 of one at a time: another takes its runs over within ten seconds."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.commands import Commands
from tests.support.faults import work
from tests.support.faults.service import Mortal, serving
from tests.support.faults.work import FULL
from tests.support.postgres import Postgres, postgres
from tests.support.targets import Target, openssh

__all__ = ["openssh", "postgres"]

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(1800)]

RUNS, KILLS = (200, 10) if FULL else (30, 2)
MOST_SECONDS = 10.0
KEYS = {"SSHCAST_SECRET_KEY": "5e" * 32, "SSHCAST_SIGNING_KEY": "a long enough key that both services share"}
OWNED = "SELECT count(*) FROM task_executions WHERE state = 'RUNNING' AND runner_id LIKE '%-' || $1::text || '-%'"


@pytest.fixture
async def url(postgres: Postgres) -> AsyncIterator[str]:
    async with postgres.database() as found:
        yield found


@pytest.fixture
def services(url: str, openssh: Target, tmp_path: Path) -> Iterator[tuple[Mortal, Mortal]]:
    """Two on one machine: each has a data folder of its own, and both have the same keys."""
    variables: dict[str, Any] = {"SSHCAST_DATABASE_URL": url} | KEYS
    with serving(tmp_path / "first", openssh, **variables) as first:
        second = Mortal(Commands(tmp_path / "second", variables))
        second.start()
        yield first, second
        second.stop()


async def killed(doomed: Mortal, url: str) -> float:
    """Kill it while it drives something, and start it again once nothing is its own. The seconds between."""
    conn = await asyncpg.connect(url)
    await until_owned(conn, doomed, some=True)
    begun = time.monotonic()
    doomed.kill()
    await until_owned(conn, doomed, some=False)
    took = time.monotonic() - begun
    doomed.start()
    await until_ready(doomed)
    await conn.close()
    return took


async def until_ready(service: Mortal) -> None:
    async with service.client() as client:
        await service.calls(client.get, "/readyz")


def pid(service: Mortal) -> int:
    assert service.process is not None
    return service.process.pid


async def until_owned(conn: "asyncpg.Connection[asyncpg.Record]", service: Mortal, *, some: bool) -> None:
    """Return when it owns some running execution, or none."""
    async with asyncio.timeout(120):
        while (await conn.fetchval(OWNED, str(pid(service))) > 0) is not some:  # noqa: ASYNC110 - a row has no event
            await asyncio.sleep(0.05)


async def test_another_takes_over_within_ten_seconds(services: tuple[Mortal, Mortal], url: str, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    jobs = work.jobs(tmp_path / "work", RUNS, seed=17)
    for service in services:
        await until_ready(service)
    found, took = [], []
    for kill in range(KILLS):
        batch = jobs[kill::KILLS]
        killing = asyncio.create_task(killed(services[kill % 2], url), name="killer")
        halves = [work.carried_out(service, batch[number::2], at_once=4) for number, service in enumerate(services)]
        found += [each for half in await asyncio.gather(*halves) for each in half]
        took.append(await killing)
    work.shown("runners killed", found)
    print(json.dumps({"seconds until another had taken over": [round(seconds, 1) for seconds in took]}))
    assert [fault for each in found for fault in each.faults] == []
    assert not any(each.unreached for each in found)
    assert max(took) < MOST_SECONDS
