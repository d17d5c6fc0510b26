"""Slots of tasks in shadow: each has its line in the ledger, and nothing is started."""

from typing import Any

import pytest
from sqlalchemy import Connection, update

from db import rows as tables
from db.models import Server, Task
from db.schedule_mode import ScheduleMode
from db.values import Missed, OnRefused, Overlap, Reason, State
from runner.cron.schedule import Dst, Note
from runner.scheduling.mode_change import settle_by_slot
from runner.scheduling.terms import Terms
from tests.support.ledger import Ledger, allowed, at, ledger, refused

pytestmark = pytest.mark.anyio
__all__ = ["ledger"]

SHADOW: dict[str, Any] = {"schedule_mode": ScheduleMode.SHADOW}
ACTIVE: dict[str, Any] = {"schedule_mode": ScheduleMode.ACTIVE}
DONE: dict[str, Any] = {"state": State.SUCCESS, "reason": Reason.EXIT_STATUS, "end_time": at(61)}


async def settle(ledger: Ledger, task: Task, seconds: float) -> bool:
    return await ledger.store.run(settle_by_slot, task.id, at(seconds), allowed)


@pytest.mark.parametrize("overlap", list(Overlap))
async def test_a_slot_in_shadow_has_a_line_and_starts_nothing_whatever_goes_on(
    ledger: Ledger, overlap: Overlap
) -> None:
    terms = Terms(overlap=overlap, retry_limit=3, start_deadline_seconds=30)
    task = await ledger.task("* * * * *", terms, next_run=at(60), **SHADOW)
    run = await ledger.run_of(task, state=State.RUNNING)
    fired = await ledger.fire(60)
    assert (fired.decided, fired.started, fired.cancelled) == (1, 0, False)
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.reason, line.execution_id) == ("shadowed", None, None)
    assert (line.open, line.retries_left, line.start_by) == (False, 0, None)
    (alone,) = await ledger.runs(task)
    assert (alone.id, alone.cancel_at) == (run.id, None)
    row = await ledger.read(task)
    assert (row.next_run, row.last_run) == (at(120), None)
    assert await ledger.follow(3600) == []


@pytest.mark.parametrize("missed", list(Missed))
async def test_slots_in_shadow_that_no_scheduler_saw_in_time_are_not_caught_up(ledger: Ledger, missed: Missed) -> None:
    terms = Terms(missed=missed, start_deadline_seconds=1)
    task = await ledger.task("* * * * *", terms, next_run=at(60), **SHADOW)
    await ledger.fire(250)
    assert await ledger.outcomes(task) == [(60 * n, "shadowed") for n in (1, 2, 3, 4)]
    assert await ledger.runs(task) == []


async def test_a_refused_command_and_a_missing_server_make_no_difference_in_shadow(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", next_run=at(60), **SHADOW)
    gone = await ledger.task("* * * * *", next_run=at(60), **SHADOW)

    def disable(conn: Connection) -> None:
        servers = tables.get_table(Server)
        conn.execute(update(servers).where(servers.c.id == gone.server_id).values(enabled=False))

    await ledger.store.run(disable)
    await ledger.fire(60, refused)
    assert [await ledger.outcomes(each) for each in (task, gone)] == [[(60, "shadowed")]] * 2


async def test_a_pause_and_a_blackout_are_told_in_the_line_of_a_slot_in_shadow(ledger: Ledger) -> None:
    window = {"from": at(90).isoformat(), "until": at(130).isoformat(), "reason": "a move"}
    task = await ledger.task(
        "* * * * *", next_run=at(60), paused_at=at(30), paused_until=at(61), blackouts=[window], **SHADOW
    )
    for seconds in (60, 120, 180):
        await ledger.fire(seconds)
    paused, covered, free = await ledger.lines(task)
    assert {line.outcome for line in (paused, covered, free)} == {"shadowed"}
    assert str(paused.reason).startswith("it would not have run: the task was paused at")
    assert str(covered.reason).startswith("it would not have run: the server has a blackout window (a move)")
    assert free.reason is None


@pytest.mark.parametrize(
    ("dst", "outcome", "note"), [(Dst.VIXIE, "shadowed", Note.MOVED), (Dst.SKIP, "skipped-dst", Note.SKIPPED)]
)
async def test_a_time_that_the_clock_skips_is_in_shadow_if_it_would_have_run(
    ledger: Ledger, dst: Dst, outcome: str, note: Note
) -> None:
    night = at(0).replace(month=3, day=29, hour=1)
    task = await ledger.task("30 2 * * *", Terms(dst=dst), timezone="Europe/Berlin", next_run=night, **SHADOW)
    await ledger.fire_at(night.replace(hour=2))
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.note) == (outcome, note)


async def test_a_slot_of_a_fleet_task_in_shadow_makes_no_fleet_run(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.SKIP), next_run=at(60), **SHADOW)
    place: dict[str, Any] = {"server_id": None, "selector": {"tags_all": []}}
    place["fleet_terms"] = {
        "batch_size": None,
        "pause_seconds": 0,
        "stop_after": None,
        "on_refused": OnRefused.FAIL_ALL,
    }

    def widen(conn: Connection) -> None:
        found = tables.get_table(Task)
        conn.execute(update(found).where(found.c.id == task.id).values(**place))

    await ledger.store.run(widen)
    assert not (await ledger.fire(60)).fleets
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.fleet_run_id) == ("shadowed", None)


async def test_a_slot_that_waits_when_its_task_goes_into_shadow_starts_nothing(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.QUEUE), next_run=at(60))
    run = await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(60)
    await ledger.change(task, **SHADOW)
    await ledger.end(run.id, **DONE)
    assert await ledger.follow(62) == []
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.open) == ("missed", False)
    assert str(line.reason).endswith("the task was put in shadow before it could start")


async def test_a_run_that_failed_before_its_task_went_into_shadow_is_not_tried_again(ledger: Ledger) -> None:
    task = await ledger.task("0 * * * *", Terms(retry_limit=3, retry_delay_seconds=30), next_run=at(60))
    await ledger.fire(60)
    (run,) = await ledger.runs(task)
    await ledger.end(run.id, state=State.FAILED, reason=Reason.UNREACHABLE, end_time=at(61))
    await ledger.follow(61)
    await ledger.change(task, **SHADOW)
    assert await ledger.follow(91) == []
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.open) == ("fired", False)
    assert "not tried again: the task was put in shadow" in str(line.reason)


async def test_a_slot_up_to_the_adoption_is_never_fired_whenever_it_is_decided(ledger: Ledger) -> None:
    """A schedule that is changed after the adoption may have slots before it that nobody has decided."""
    task = await ledger.task("* * * * *", Terms(missed=Missed.ALL), next_run=at(60), **ACTIVE)
    await ledger.change(task, schedule_mode_since=at(120))
    await ledger.fire(185)
    assert await ledger.outcomes(task) == [(60, "shadowed"), (120, "shadowed"), (180, "fired")]


@pytest.mark.parametrize(("mode", "outcome"), [(SHADOW, "shadowed"), (ACTIVE, "fired")])
async def test_a_slot_whose_jitter_is_not_over_is_decided_by_the_mode_that_ends(
    ledger: Ledger, mode: dict[str, Any], outcome: str
) -> None:
    terms = Terms(jitter_seconds=3600)
    task = await ledger.task("0 * * * *", terms, next_run=None, **mode)
    offset = terms.offset(task.id).total_seconds()
    assert offset > 100, "else nothing of this is tested"
    await ledger.change(task, next_run=at(offset))
    assert (await ledger.fire(10)).decided == 0
    assert await settle(ledger, task, 10)
    assert await ledger.outcomes(task) == [(0, outcome)]
    assert (await ledger.read(task)).next_run == at(3600 + offset)
    assert await settle(ledger, task, 20)
    assert await ledger.outcomes(task) == [(0, outcome)]


async def test_more_slots_than_one_transaction_decides_are_decided_in_several(ledger: Ledger) -> None:
    task = await ledger.task("@every 1s", next_run=at(1), **SHADOW)
    assert not await settle(ledger, task, 2500)
    assert await settle(ledger, task, 2500)
    assert await ledger.outcomes(task) == [(n, "shadowed") for n in range(1, 2501)]


async def test_a_schedule_that_cannot_be_read_is_stopped_and_keeps_no_mode_from_changing(ledger: Ledger) -> None:
    task = await ledger.task("what", {"overlap": "of a later version"}, next_run=at(60), **SHADOW)
    assert await settle(ledger, task, 100)
    assert await ledger.outcomes(task) == [(60, "unreadable")]
