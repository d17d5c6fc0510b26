"""Several schedulers on one database, killed between any two statements: no slot is doubled, and none is missing."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from db.models import Task
from db.rows import get_table
from db.store import StoreUnavailable, open_store
from db.values import Missed
from runner.cron import schedule as cron_schedule
from runner.cron.schedule import Dst
from runner.scheduling.firing import FiringResult, fire_due
from runner.scheduling.terms import Terms
from tests.support.ledger import Ledger, allowed, at
from tests.support.slot_counts import ALL, EXPRESSIONS, list_slots, load_slots_and_runs
from tests.support.stores import Database

pytestmark = pytest.mark.anyio

INSTANCES = 3
STATEMENTS = 9


class Killed(Exception):
    """The process is gone: its transaction is rolled back, and nobody gets an answer."""


def doomed(conn: Connection, now: datetime, statement: int) -> FiringResult:
    """A scheduler's transaction that is cut before its n-th statement (from 0), or before its commit."""
    seen = iter(range(statement))

    def before(*args: Any) -> None:
        if next(seen, None) is None:
            raise Killed

    event.listen(conn, "before_cursor_execute", before)
    try:
        fire_due(conn, now, allowed)
        raise Killed
    finally:
        event.remove(conn, "before_cursor_execute", before)


@dataclass(slots=True)
class Fleet:
    """Instances that share a database and a wall clock, each with a store of its own."""

    url: str
    now: datetime
    random: random.Random
    most_kills: int
    kills: int = 0
    turn: int = 0

    async def instance(self, until: asyncio.Event) -> None:
        """Works until all is over; when it is killed, another takes its place."""
        while not until.is_set():
            store = await open_store(self.url)
            try:
                await self.work(store, until)
            except Killed:
                self.kills += 1
            except StoreUnavailable:
                continue
            finally:
                await store.close()

    async def work(self, store: Any, until: asyncio.Event) -> None:
        while not until.is_set():
            if self.kills < self.most_kills and self.random.random() < 0.3:
                self.turn += 1
                await store.run(doomed, self.now, self.turn % (STATEMENTS + 1))
            with suppress(StoreUnavailable):  # SQLite lets some wait too long: the loop would ask again
                await store.run(fire_due, self.now, allowed)
            await asyncio.sleep(0.002)


async def overdue(ledger: Ledger, now: datetime) -> int:
    def count(conn: Connection) -> int:
        table = get_table(Task)
        return len(conn.execute(select(table.c.id).where(table.c.next_run <= now)).all())

    return await ledger.store.read(count)


@pytest.mark.thorough
async def test_ten_thousand_slots_by_three_instances_of_which_twenty_are_killed(database: Database) -> None:
    await fire_all(database, tasks_each=5, kills=20)


async def test_two_thousand_slots_by_three_instances_of_which_eleven_are_killed(database: Database) -> None:
    await fire_all(database, tasks_each=1, kills=11)


async def fire_all(database: Database, *, tasks_each: int, kills: int) -> None:
    async with database() as url:
        ledger = Ledger(await open_store(url))
        tasks = [await ledger.task(expr, ALL) for expr in EXPRESSIONS * tasks_each]
        for task in tasks:
            first = cron_schedule.parse_stored(task.cron_expr, "UTC", Dst.VIXIE).find_next(at(0))
            assert first is not None
            await ledger.change(task, next_run=first.at)
        seconds = await fly(Fleet(url, at(0), random.Random(4), kills), ledger)
        await check(ledger, tasks, at(seconds))
        await ledger.store.close()


async def fly(fleet: Fleet, ledger: Ledger) -> int:
    """Let the clock run, with steps of an hour either way, while the instances work. Returns how far it came."""
    over, second = asyncio.Event(), 0
    async with asyncio.TaskGroup() as group:
        for _ in range(INSTANCES):
            group.create_task(fleet.instance(over))
        while second < 1260 or fleet.kills < fleet.most_kills:
            second += fleet.random.randint(1, 30)
            fleet.now = at(second - 3600) if fleet.random.random() < 0.1 else at(second)
            await asyncio.sleep(0.02)
        fleet.now = at(second)
        while await overdue(ledger, fleet.now):  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
        over.set()
    assert fleet.kills >= fleet.most_kills
    assert fleet.turn > STATEMENTS
    return second


async def check(ledger: Ledger, tasks: list[Task], now: datetime) -> None:
    """Each slot that was due by `now` is in the ledger once, and ran once unless its line says why not."""
    expected = {(task.id, slot) for task in tasks for slot in list_slots(task, now)}
    each = len(tasks) // len(EXPRESSIONS)
    assert len(expected) >= 2_000 * each
    found = await ledger.store.read(load_slots_and_runs)
    assert Counter((task_id, slot) for task_id, slot, _ in found["lines"]) == Counter(expected)
    ran = [(task_id, slot) for task_id, slot, outcome in found["lines"] if outcome in ("fired", "caught-up")]
    assert Counter(found["runs"]) == Counter(ran)
    assert found["linked"] == len(ran)
    # How many were missed while nobody was alive, the load of the machine decides.
    assert len(ran) >= 1_000 * each


@pytest.mark.parametrize("statement", range(STATEMENTS + 1))
async def test_a_scheduler_killed_before_a_statement_leaves_the_slot_to_the_next(
    database: Database, statement: int
) -> None:
    async with database() as url:
        ledger = Ledger(await open_store(url))
        task = await ledger.task("* * * * *", Terms(missed=Missed.ALL), next_run=at(60))
        with pytest.raises(Killed):
            await ledger.store.run(doomed, at(130), statement)
        assert await ledger.lines(task) == []
        assert await ledger.runs(task) == []
        await ledger.fire(130)
        assert await ledger.outcomes(task) == [(60, "caught-up"), (120, "fired")]
        assert [run.slot for run in await ledger.runs(task)] == [at(60), at(120)]
        await ledger.store.close()


async def test_two_schedulers_at_the_same_moment_decide_a_slot_once(database: Database) -> None:
    async with database() as url:
        ledger, others = Ledger(await open_store(url)), [await open_store(url) for _ in range(4)]
        tasks = [await ledger.task("* * * * *", next_run=at(60)) for _ in range(20)]
        fired = await asyncio.gather(*(store.run(fire_due, at(60), allowed) for store in others))
        assert sum(each.started for each in fired) == len(tasks)
        assert [await ledger.outcomes(task) for task in tasks] == [[(60, "fired")]] * len(tasks)
        for store in (ledger.store, *others):
            await store.close()


async def test_the_transaction_has_no_more_statements_than_are_cut(database: Database) -> None:
    async with database() as url:
        ledger, seen = Ledger(await open_store(url)), []
        await ledger.task("* * * * *", next_run=at(60))

        def watched(conn: Connection) -> FiringResult:
            def before(*args: Any) -> None:
                seen.append(args[2])

            event.listen(conn, "before_cursor_execute", before)
            fired = fire_due(conn, at(60), allowed)
            event.remove(conn, "before_cursor_execute", before)
            return fired

        await ledger.store.run(watched)
        assert len(seen) == STATEMENTS
        await ledger.store.close()
