"""The scheduler's loop: it sleeps until something is due, is woken by changes, and looks again when clocks are set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from sqlalchemy import text

from db.store import open_store
from db.values import Overlap, State
from runner import scheduler
from runner.bus import EXECUTIONS, PENDING, SCHEDULE, SLOTS, Bus
from runner.follow_ups import FollowUps
from runner.policy import Policy
from runner.scheduler import HELD_SLEEP, LONGEST_SLEEP, Scheduler
from runner.terms import Terms
from tests.runner.conftest import until
from tests.runner.ledger import NOON, Ledger, at, ledger
from tests.runner.stores import Database

pytestmark = pytest.mark.anyio
__all__ = ["ledger"]


class Clock:
    """A wall clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def scheduler_on(ledger: Ledger, clock: Clock, bus: Bus | None = None) -> Scheduler:
    return Scheduler(bus=bus or Bus(), store=ledger.store, policy=Policy.load(), clock=clock)


@asynccontextmanager
async def at_work(loop: Scheduler | FollowUps) -> AsyncIterator[None]:
    loop.start()
    try:
        yield
    finally:
        await loop.stop()


async def test_it_sleeps_until_the_next_task_is_due_and_never_long(ledger: Ledger, clock: Clock) -> None:
    loop = scheduler_on(ledger, clock)
    assert await loop.tick() == LONGEST_SLEEP
    task = await ledger.task("* * * * *", next_run=at(3600))
    assert await loop.tick() == LONGEST_SLEEP
    clock.now = at(3597.5)
    assert await loop.tick() == 2.5
    clock.now = at(3600)
    assert await loop.tick() == 0.0
    assert await loop.tick() == LONGEST_SLEEP
    assert await ledger.outcomes(task) == [(3600, "fired")]


async def test_a_change_wakes_it(ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "LONGEST_SLEEP", 3600.0)  # so that nothing else can wake it
    bus = Bus()
    async with at_work(scheduler_on(ledger, clock, bus)):
        with bus.watch(SLOTS) as watch:
            await ledger.task("* * * * *", next_run=at(0))
            bus.hint(SCHEDULE)
            await until(lambda: watch.is_set)


async def test_a_run_that_it_makes_wakes_the_runner_and_the_watchers(ledger: Ledger, clock: Clock) -> None:
    bus = Bus()
    await ledger.task("* * * * *", next_run=at(0))
    with bus.watch(PENDING) as pending, bus.watch(EXECUTIONS) as executions, bus.watch(SLOTS) as slots:
        await scheduler_on(ledger, clock, bus).tick()
        assert pending.is_set
        assert executions.is_set
        assert slots.is_set


async def test_a_clock_that_is_set_forward_while_it_sleeps_is_seen(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "LONGEST_SLEEP", 0.02)
    bus = Bus()
    task = await ledger.task("0 * * * *", next_run=at(3600))
    with bus.watch(SLOTS) as watch:
        async with at_work(scheduler_on(ledger, clock, bus)):
            clock.now = at(3600)
            await until(lambda: watch.is_set)
    assert await ledger.outcomes(task) == [(3600, "fired")]


async def test_a_task_that_another_transaction_holds_is_left_to_it_without_spinning(
    database: Database, clock: Clock
) -> None:
    async with database() as url:
        if not url.startswith("postgresql"):
            pytest.skip("SQLite has one writer")
        store, other = await open_store(url), await open_store(url)
        ledger = Ledger(store)
        task = await ledger.task("* * * * *", next_run=at(0))
        free = await ledger.task("* * * * *", next_run=at(0))
        loop = Scheduler(bus=Bus(), store=other, policy=Policy.load(), clock=clock)

        engine = store._engine  # type: ignore[attr-defined]
        async with engine.begin() as conn:
            await conn.execute(text("SELECT id FROM tasks WHERE id = :id FOR UPDATE"), {"id": task.id})
            assert await loop.tick() == 0.0
            assert await loop.tick() == HELD_SLEEP
        assert await ledger.outcomes(free) == [(0, "fired")]
        assert await ledger.lines(task) == []
        await loop.tick()
        assert await ledger.outcomes(task) == [(0, "fired")]
        await store.close()
        await other.close()


async def test_what_follows_is_done_when_an_execution_changes(ledger: Ledger, clock: Clock) -> None:
    bus = Bus()
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.QUEUE), next_run=at(0))
    run = await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(0)
    loop = FollowUps(bus=bus, store=ledger.store, clock=clock)
    loop.poll_seconds = 3600.0  # so that nothing else can wake it
    async with at_work(loop):
        with bus.watch(PENDING) as watch:
            await ledger.end(run.id, state=State.SUCCESS)
            bus.hint(EXECUTIONS)
            await until(lambda: watch.is_set)
    assert await ledger.outcomes(task) == [(0, "fired")]
