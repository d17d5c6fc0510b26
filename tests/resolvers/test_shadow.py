"""Tasks in shadow, and adoption: each slot is either cron's or ours, on both databases."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from db import audit
from db import tasks as table
from db.tasks import TaskFilter
from db.values import Missed, Overlap, SlotOutcome, State, Trigger
from resolvers import executions, pauses, tasks
from resolvers.errors import Invalid
from resolvers.inputs import RunTask, TaskChange, TermsChange
from runner.scheduling.firing import fire_due
from runner.scheduling.terms import Terms
from tests.support.desk import NOON, Desk
from tests.support.ledger import allowed, at, runs
from tests.support.shadow import ACTIVE, ADOPT, RETURN, SHADOW, add, fire, pass_minutes, read_lines, read_outcomes

pytestmark = pytest.mark.anyio

CATCH_UP = [TermsChange(missed=each) for each in Missed]


async def test_a_task_is_made_in_shadow_and_adopted(either_desk: Desk) -> None:
    task = await add(either_desk)
    assert (task.schedule_mode, task.schedule_mode_since, task.next_run) == (SHADOW, NOON, at(60))
    await pass_minutes(either_desk, 2)
    adopted = await tasks.update(either_desk.operator, task.id, ADOPT)
    assert (adopted.schedule_mode, adopted.schedule_mode_since, adopted.next_run) == (ACTIVE, at(120), at(180))
    await pass_minutes(either_desk, 2)
    assert await read_outcomes(either_desk, task) == [(1, "shadowed"), (2, "shadowed"), (3, "fired"), (4, "fired")]


async def test_a_task_that_was_never_in_shadow_has_no_moment_of_a_change(desk: Desk) -> None:
    task = await add(desk, schedule_mode=ACTIVE)
    same = await tasks.update(desk.operator, task.id, ADOPT)
    assert (same.schedule_mode, same.schedule_mode_since) == (ACTIVE, None)
    with pytest.raises(Invalid, match="active, shadow"):
        await tasks.update(desk.operator, task.id, TaskChange(schedule_mode="hidden"))


async def test_a_slot_due_at_the_moment_of_adoption_is_crons(either_desk: Desk) -> None:
    task = await add(either_desk)
    either_desk.clock.forward(60)
    await tasks.update(either_desk.operator, task.id, ADOPT)
    await fire(either_desk)
    assert await read_outcomes(either_desk, task) == [(1, "shadowed")]


@pytest.mark.parametrize("terms", CATCH_UP)
async def test_slots_of_a_downtime_over_the_adoption_are_never_caught_up(either_desk: Desk, terms: TermsChange) -> None:
    task = await add(either_desk, terms=terms)
    either_desk.clock.forward(310)
    await tasks.update(either_desk.operator, task.id, ADOPT)
    either_desk.clock.forward(200)
    await fire(either_desk)
    found = await read_outcomes(either_desk, task)
    assert found[:5] == [(n, "shadowed") for n in range(1, 6)]
    assert [n for n, outcome in found] == list(range(1, 9))
    late = {Missed.SKIP: "missed", Missed.LATEST: "missed", Missed.ALL: "caught-up"}[Missed(str(terms.missed))]
    assert [outcome for _, outcome in found[5:]] == [late, late, "fired"]


@pytest.mark.parametrize("terms", CATCH_UP)
async def test_slots_of_a_downtime_before_the_return_to_cron_are_ours(either_desk: Desk, terms: TermsChange) -> None:
    task = await add(either_desk, schedule_mode=ACTIVE, terms=terms)
    either_desk.clock.forward(190)
    await tasks.update(either_desk.operator, task.id, RETURN)
    either_desk.clock.forward(3600)
    await fire(either_desk)
    found = await read_outcomes(either_desk, task)
    late = {Missed.SKIP: "missed", Missed.LATEST: "missed", Missed.ALL: "caught-up"}[Missed(str(terms.missed))]
    assert found[:3] == [(1, late), (2, late), (3, "fired")]
    assert {outcome for _, outcome in found[3:]} == {"shadowed"}
    assert [run.slot for run in await either_desk.service.store.read(runs, task.id)] == [
        at(60 * n) for n, outcome in found[:3] if SlotOutcome(outcome).has_run
    ]


async def test_a_scheduler_that_knew_the_task_as_active_fires_nothing_after_its_return(either_desk: Desk) -> None:
    """The row counts as it is when it is locked, whatever was read before."""
    task = await add(either_desk, schedule_mode=ACTIVE)
    either_desk.clock.forward(59)
    await tasks.update(either_desk.operator, task.id, RETURN)
    either_desk.clock.forward(1)
    await fire(either_desk)
    assert await read_outcomes(either_desk, task) == [(1, "shadowed")]
    assert await either_desk.executions() == []


async def test_a_task_that_goes_to_and_fro_has_one_line_for_each_slot(either_desk: Desk) -> None:
    task = await add(either_desk)
    for n, change in enumerate([ADOPT, RETURN, ADOPT, RETURN, ADOPT, ADOPT], start=1):
        either_desk.clock.forward(150 if n % 2 else 90)
        await tasks.update(either_desk.operator, task.id, change)
    await pass_minutes(either_desk, 1)
    found = await read_outcomes(either_desk, task)
    assert [n for n, _ in found] == list(range(1, 14))
    ours = [n for n, outcome in found if outcome != "shadowed"]
    # In shadow until 2:30, 4:00 to 6:30 and 8:00 to 10:30.
    assert ours == [3, 4, 7, 8, 11, 12, 13]


async def test_jitter_does_not_carry_a_slot_of_crons_over_the_adoption(either_desk: Desk) -> None:
    terms = TermsChange(jitter_seconds=3000)
    task = await add(either_desk, cron_expr="0 * * * *", terms=terms)
    either_desk.clock.forward(3601)
    assert Terms(jitter_seconds=3000).offset(task.id) > timedelta(seconds=10)
    await tasks.update(either_desk.operator, task.id, ADOPT)
    either_desk.clock.forward(3500)
    await fire(either_desk)
    assert await read_outcomes(either_desk, task) == [(60, "shadowed")]


@pytest.mark.parametrize("change", [{"terms": TermsChange(jitter_seconds=3000)}, {"cron_expr": "0,59 12-14 * * *"}])
async def test_a_schedule_that_is_changed_with_or_after_the_adoption_brings_back_no_slot_of_crons(
    either_desk: Desk, change: dict[str, Any]
) -> None:
    for together in (True, False):
        task = await add(either_desk, cron_expr="0 * * * *")
        before = either_desk.clock.now
        either_desk.clock.forward(3602 - (before - NOON).total_seconds() % 3600)
        if together:
            await tasks.update(either_desk.operator, task.id, replace(ADOPT, **change))
        else:
            await tasks.update(either_desk.operator, task.id, ADOPT)
            await tasks.update(either_desk.operator, task.id, TaskChange(**change))
        adopted = either_desk.clock()
        either_desk.clock.forward(3000)
        await fire(either_desk)
        for line in await read_lines(either_desk, task):
            assert (line.outcome == "shadowed") == (line.slot <= adopted), (line.slot, line.outcome)


async def test_a_long_backlog_is_crons_to_its_end(either_desk: Desk) -> None:
    task = await add(either_desk, cron_expr="@every 1s", terms=TermsChange(missed=Missed.ALL))
    either_desk.clock.forward(4000)
    await tasks.update(either_desk.operator, task.id, ADOPT)
    found = await read_lines(either_desk, task)
    assert (len(found), {line.outcome for line in found}) == (4000, {"shadowed"})
    assert await either_desk.executions() == []


async def test_a_scheduler_whose_clock_is_ahead_decides_up_to_when_a_mode_holds(either_desk: Desk) -> None:
    task = await add(either_desk, schedule_mode=ACTIVE)
    either_desk.clock.forward(59)
    await either_desk.service.store.run(fire_due, at(61), allowed)
    returned = await tasks.update(either_desk.operator, task.id, RETURN)
    assert (returned.updated_at, returned.schedule_mode_since) == (at(59), at(60))


# --- beside other things that keep a task from running


async def test_once_in_shadow_starts_nothing_and_says_so(either_desk: Desk) -> None:
    made = await either_desk.task(cron_expr="@once", schedule_mode=SHADOW)
    assert (made.execution, await either_desk.executions()) == (None, [])
    (line,) = await read_lines(either_desk, made.task)
    assert (line.slot, line.outcome) == (NOON, "shadowed")
    await tasks.update(either_desk.operator, made.task.id, ADOPT)
    await pass_minutes(either_desk, 1)
    assert await either_desk.executions() == []


async def test_a_task_in_shadow_is_run_by_hand_as_any_other(desk: Desk) -> None:
    task = await add(desk)
    run = await executions.run_task(desk.operator, RunTask(task_id=task.id))
    assert (run.state, run.trigger, run.slot) == (State.PENDING, Trigger.MANUAL, None)


async def test_a_disabled_task_is_adopted_without_a_line(desk: Desk) -> None:
    task = await add(desk, enabled=False)
    desk.clock.forward(150)
    adopted = await tasks.update(desk.operator, task.id, ADOPT)
    assert (adopted.enabled, adopted.next_run) == (False, None)
    await tasks.set_enabled(desk.operator, task.id, True)
    await pass_minutes(desk, 1)
    assert await read_outcomes(desk, task) == [(3, "fired")]


async def test_a_paused_task_is_adopted_and_stays_paused(desk: Desk) -> None:
    task = await add(desk)
    await pauses.pause(desk.operator, task.id)
    await pass_minutes(desk, 1)
    await tasks.update(desk.operator, task.id, ADOPT)
    await pass_minutes(desk, 1)
    await pauses.resume(desk.operator, task.id)
    await pass_minutes(desk, 1)
    assert await read_outcomes(desk, task) == [(1, "shadowed"), (2, "skipped-paused"), (3, "fired")]


async def test_what_runs_when_a_task_goes_into_shadow_runs_on(desk: Desk) -> None:
    task = await add(desk, schedule_mode=ACTIVE, terms=TermsChange(overlap=Overlap.QUEUE))
    await pass_minutes(desk, 1)
    await tasks.update(desk.operator, task.id, RETURN)
    assert (await desk.claimed()).task_id == task.id


async def test_tasks_are_found_by_mode_and_by_whether_they_start_runs(either_desk: Desk) -> None:
    shadow, active = await add(either_desk, name="one"), await add(either_desk, name="two", schedule_mode=ACTIVE)
    off = await add(either_desk, name="three", schedule_mode=ACTIVE, enabled=False)
    for filter, wanted in (
        (TaskFilter(schedule_mode=SHADOW), [shadow]),
        (TaskFilter(schedule_mode=ACTIVE), [active, off]),
        (TaskFilter(starts=True), [active]),
        (TaskFilter(starts=False), [shadow, off]),
    ):
        assert await either_desk.service.store.read(table.count, filter) == len(wanted)


async def test_the_audit_has_the_change_of_the_mode(desk: Desk) -> None:
    task = await add(desk)
    await tasks.update(desk.operator, task.id, ADOPT)
    (*_, event) = await desk.service.store.read(audit.list_after, 0, 100)
    assert (event.kind, event.before, event.after) == (
        "task-updated",
        '{"schedule_mode": "shadow"}',
        '{"schedule_mode": "active"}',
    )
