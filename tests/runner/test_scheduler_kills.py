"""Schedulers in processes of their own, killed with SIGKILL at random moments of their work."""

import asyncio
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter

import pytest

from db.store import open_store
from runner.cron import schedule
from runner.cron.schedule import Dst
from tests.support.ledger import Ledger, at
from tests.support.slot_counts import ALL, EXPRESSIONS, list_slots, load_slots_and_runs
from tests.support.stores import Database

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(600)]

PROCESSES, KILLS, SPEED = 3, 20, 60.0


async def started(url: str, epoch: float) -> Process:
    command = (sys.executable, "-m", "tests.support.lone_scheduler", url, str(epoch), str(SPEED))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"ready"
    return process


async def killed(process: Process) -> None:
    process.kill()
    assert await process.wait() == -9


async def test_schedulers_killed_for_real_double_no_slot_and_lose_none(database: Database) -> None:
    picked = random.Random(20)
    async with database() as url:
        ledger = Ledger(await open_store(url))
        tasks = [await ledger.task(expr, ALL) for expr in EXPRESSIONS]
        for task in tasks:
            first = schedule.parse_stored(task.cron_expr, "UTC", Dst.VIXIE).find_next(at(0))
            assert first is not None
            await ledger.change(task, next_run=first.at)
        epoch = time.time()
        fleet = [await started(url, epoch) for _ in range(PROCESSES)]
        for _ in range(KILLS):
            await asyncio.sleep(picked.random())
            await killed(fleet.pop(picked.randrange(len(fleet))))
            fleet.append(await started(url, epoch))
        for process in fleet:
            await killed(process)
        end = (time.time() - epoch) * SPEED
        while (await ledger.fire(end)).tasks:
            pass
        expected = {(task.id, slot) for task in tasks for slot in list_slots(task, at(end))}
        found = await ledger.store.read(load_slots_and_runs)
        await ledger.store.close()
    assert len(expected) > 2000
    assert Counter((id, slot) for id, slot, _ in found["lines"]) == Counter(expected)
    ran = [(id, slot) for id, slot, outcome in found["lines"] if outcome in ("fired", "caught-up")]
    assert Counter(found["runs"]) == Counter(ran)
    assert found["linked"] == len(ran)
