"""The scheduler's loop: it sleeps until something is due, is woken by changes, and looks again when clocks are set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from db.store import open_store
from db.values import Overlap, State
from runner.bus import EXECUTIONS, FOLLOW_UPS, PENDING, SCHEDULE, SLOTS, Bus
from runner.policy import Policy
from runner.scheduling import scheduler
from runner.scheduling.follow_ups import FollowUps
from runner.scheduling.scheduler import HELD_SLEEP, LONGEST_SLEEP, Scheduler
from runner.scheduling.terms import Terms
from tests.support.ledger import NOON, Ledger, at, ledger
from tests.support.stores import Database
from tests.support.waiting import until

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


class Steady:
    """Counts the seconds that really pass, as nobody can set it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def told_of_steps(ledger: Ledger, wall: list[float]) -> list[dict[str, Any]]:
    """The log's lines of a scheduler that looks each 10 s, at which the clock shows `wall` (seconds after noon)."""
    clock, steady = Clock(), Steady()
    loop = Scheduler(bus=Bus(), store=ledger.store, policy=Policy.load(), clock=clock, monotonic=steady)
    with capture_logs() as logs:
        for seconds in wall:
            steady.seconds += 10
            clock.now = at(seconds)
            while await loop.tick() == 0.0:
                pass
    return [dict(line) for line in logs if "the clock was set" in line["event"]]


async def test_a_clock_that_is_set_forward_and_back_leaves_a_line_each_time(ledger: Ledger) -> None:
    task = await ledger.task("*/5 * * * *", next_run=at(300))
    forward, back = await told_of_steps(ledger, [10, 20, 3630, 3640, 50, 60, 70])
    assert (forward["event"], forward["seconds"]) == ("the clock was set forward, or the machine slept", 3600.0)
    assert (forward["expected"], forward["now"]) == (at(30).isoformat(), at(3630).isoformat())
    assert "count as missed" in forward["effect"]
    assert (back["event"], back["seconds"]) == ("the clock was set back", 3600.0)
    assert (back["expected"], back["now"]) == (at(3650).isoformat(), at(50).isoformat())
    assert "no slot runs twice" in back["effect"]
    assert await ledger.outcomes(task) == [*((slot, "missed") for slot in range(300, 3600, 300)), (3600, "fired")]


@pytest.mark.parametrize("wall", [[10, 20, 30], [14.9, 24.9, 30.1], [10.1, 20.2, 30.3, 40.4]])
async def test_a_clock_that_goes_right_or_is_set_by_little_leaves_no_line(ledger: Ledger, wall: list[float]) -> None:
    assert await told_of_steps(ledger, wall) == []


async def test_each_of_many_steps_is_told(ledger: Ledger) -> None:
    found = await told_of_steps(ledger, [15, 20, 30, 34])
    assert [(line["event"], line["seconds"]) for line in found] == [
        ("the clock was set forward, or the machine slept", 5.0),
        ("the clock was set back", 5.0),
        ("the clock was set back", 6.0),
    ]


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
            bus.hint(FOLLOW_UPS)
            await until(lambda: watch.is_set)
    assert await ledger.outcomes(task) == [(0, "fired")]
