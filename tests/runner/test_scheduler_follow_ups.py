"""What follows a slot: waiting runs, retries and start deadlines, on both databases."""

from typing import Any

import pytest

from db.values import Missed, Mode, Overlap, Reason, State, Trigger
from runner.scheduling.terms import Terms
from tests.support.ledger import Ledger, at, ledger

pytestmark = pytest.mark.anyio
__all__ = ["ledger"]

UNREACHABLE = {"state": State.FAILED, "reason": Reason.UNREACHABLE}
DONE = {"state": State.SUCCESS, "reason": Reason.EXIT_STATUS}
RETRYING = Terms(retry_limit=2, retry_delay_seconds=30)


# --- overlap


async def test_a_queued_slot_starts_when_the_run_before_has_ended(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.QUEUE), next_run=at(60))
    run = await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(60)
    assert await ledger.follow(61) == []
    await ledger.end(run.id, **DONE)
    (started,) = await ledger.follow(62)
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.execution_id, line.decided_at, line.open) == ("fired", started, at(62), False)
    assert f"waits for execution {run.id}" in str(line.reason)
    assert (await ledger.runs(task))[-1].slot == at(60)


async def test_one_slot_waits_at_most(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.QUEUE), next_run=at(60))
    run = await ledger.run_of(task, state=State.RUNNING)
    for second in (60, 120, 180):
        await ledger.fire(second)
    assert await ledger.outcomes(task) == [(60, "waiting"), (120, "skipped-overlap"), (180, "skipped-overlap")]
    await ledger.end(run.id, **DONE)
    assert len(await ledger.follow(200)) == 1
    await ledger.fire(240)
    assert (await ledger.outcomes(task))[-1] == (240, "waiting")


async def test_replace_has_the_running_one_cancelled_and_starts_once_it_is_gone(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.REPLACE), next_run=at(60))
    run = await ledger.run_of(task, state=State.RUNNING)
    fired = await ledger.fire(60)
    assert (fired.cancelled, fired.started) == (True, 0)
    assert (await ledger.runs(task))[0].cancel_at == at(60)
    assert await ledger.follow(61) == []
    await ledger.end(run.id, state=State.CANCELLED, reason=Reason.CANCELLED)
    assert len(await ledger.follow(62)) == 1
    assert await ledger.outcomes(task) == [(60, "fired")]


async def test_replace_takes_the_place_of_a_pending_run_at_once(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.REPLACE), next_run=at(60))
    await ledger.run_of(task, state=State.PENDING)
    await ledger.fire(60)
    assert await ledger.outcomes(task) == [(60, "fired")]
    assert [run.state for run in await ledger.runs(task)] == [State.CANCELLED, State.PENDING]


async def test_replace_takes_the_place_of_a_slot_that_waits(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.REPLACE), next_run=at(60))
    run = await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(60)
    await ledger.fire(120)
    assert await ledger.outcomes(task) == [(60, "skipped-overlap"), (120, "waiting")]
    assert "a later slot took its place" in str((await ledger.lines(task))[0].reason)
    await ledger.end(run.id, state=State.CANCELLED, reason=Reason.CANCELLED)
    assert len(await ledger.follow(130)) == 1
    assert len(await ledger.runs(task)) == 2


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE])
async def test_missed_slots_that_are_all_run_take_turns_where_runs_must_not_overlap(
    ledger: Ledger, overlap: Overlap
) -> None:
    task = await ledger.task("*/2 * * * *", Terms(overlap=overlap, missed=Missed.ALL), next_run=at(120))
    await ledger.fire(360 + 61)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["caught-up", "waiting", "waiting"]
    while unfinished := [run for run in await ledger.runs(task) if run.state == State.PENDING]:
        assert len(unfinished) == 1
        await ledger.end(unfinished[0].id, **DONE)
        await ledger.follow(422)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["caught-up"] * 3
    assert [run.slot for run in await ledger.runs(task)] == [at(120), at(240), at(360)]


async def test_replace_runs_only_the_latest_of_missed_slots(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.REPLACE, missed=Missed.ALL), next_run=at(60))
    await ledger.fire(200)
    assert await ledger.outcomes(task) == [(60, "missed"), (120, "missed"), (180, "fired")]


@pytest.mark.parametrize(
    ("change", "outcome", "why"),
    [
        ({"enabled": False}, "missed", "disabled"),
        ({"deleted_at": at(61)}, "missed", "deleted"),
        ({"paused_at": at(61)}, "skipped-paused", "paused"),
    ],
)
async def test_a_slot_waits_no_more_when_its_task_is_stopped(
    ledger: Ledger, change: dict[str, Any], outcome: str, why: str
) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.QUEUE), next_run=at(60))
    run = await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(60)
    await ledger.change(task, **change)
    await ledger.end(run.id, **DONE)
    assert await ledger.follow(62) == []
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.open) == (outcome, False)
    assert why in str(line.reason)


async def test_a_waiting_slot_does_not_start_within_a_blackout(ledger: Ledger) -> None:
    window = {"from": at(70).isoformat(), "until": at(400).isoformat()}
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.QUEUE), next_run=at(60), blackouts=[window])
    run = await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(60)
    await ledger.end(run.id, **DONE)
    assert await ledger.follow(80) == []
    assert await ledger.outcomes(task) == [(60, "skipped-blackout")]


# --- start deadlines


async def test_a_waiting_slot_is_missed_when_its_start_deadline_is_over(ledger: Ledger) -> None:
    terms = Terms(overlap=Overlap.QUEUE, start_deadline_seconds=20)
    task = await ledger.task("* * * * *", terms, next_run=at(60))
    await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(60)
    assert await ledger.follow(79) == []
    await ledger.follow(80)
    assert await ledger.outcomes(task) == [(60, "missed")]


async def test_a_run_that_nobody_could_start_by_its_deadline_is_given_up(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(start_deadline_seconds=20), next_run=at(60))
    await ledger.fire(60)
    assert await ledger.follow(79) == []
    assert len(await ledger.follow(80)) == 1
    (run,) = await ledger.runs(task)
    assert (run.state, run.reason, run.end_time) == (State.FAILED, Reason.DEADLINE, at(80))
    assert "could not start by its deadline" in str((await ledger.lines(task))[0].reason)


async def test_a_run_that_started_in_time_has_no_deadline(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(start_deadline_seconds=20), next_run=at(60))
    await ledger.fire(60)
    (run,) = await ledger.runs(task)
    await ledger.end(run.id, state=State.RUNNING)
    assert await ledger.follow(300) == []
    await ledger.end(run.id, **DONE)
    assert await ledger.follow(301) == []
    assert not (await ledger.lines(task))[0].open


# --- retries


async def failed_run(ledger: Ledger, terms: Terms = RETRYING, **ending: Any) -> Any:
    """A task whose slot of 60 s fired, and whose run failed at 70 s."""
    task = await ledger.task("0 * * * *", terms, next_run=at(60))
    await ledger.fire(60)
    (run,) = await ledger.runs(task)
    await ledger.end(run.id, end_time=at(70), **(UNREACHABLE | ending))
    return task


async def test_every_try_is_driven_as_the_task_says_however_the_one_before_went(ledger: Ledger) -> None:
    task = await ledger.task("0 * * * *", RETRYING, next_run=at(60), run_mode=Mode.ATTACHED)
    await ledger.fire(60)
    (run,) = await ledger.runs(task)
    await ledger.end(run.id, end_time=at(70), mode=Mode.DURABLE, **UNREACHABLE)
    await ledger.follow(71)
    await ledger.follow(100)
    assert run.mode == Mode.ATTACHED
    assert [each.mode for each in await ledger.runs(task)] == [Mode.DURABLE, Mode.ATTACHED]


async def test_an_unreachable_server_is_tried_again_after_a_delay_that_doubles_up_to_the_limit(
    ledger: Ledger,
) -> None:
    task = await failed_run(ledger)
    await ledger.follow(71)
    assert await ledger.follow(99) == []
    (second,) = await ledger.follow(100)
    await ledger.end(second, end_time=at(110), **UNREACHABLE)
    await ledger.follow(111)
    assert await ledger.follow(169) == []
    (third,) = await ledger.follow(170)
    await ledger.end(third, end_time=at(180), **UNREACHABLE)
    await ledger.follow(181)
    assert await ledger.follow(10_000) == []
    found = [(run.attempt, run.trigger, run.slot) for run in await ledger.runs(task)]
    assert found == [(1, Trigger.SCHEDULE, at(60)), (2, Trigger.RETRY, at(60)), (3, Trigger.RETRY, at(60))]
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.execution_id, line.open, line.retries_left) == ("fired", third, False, 0)


async def test_a_retry_that_works_is_the_last(ledger: Ledger) -> None:
    task = await failed_run(ledger)
    await ledger.follow(71)
    (second,) = await ledger.follow(100)
    await ledger.end(second, end_time=at(110), **DONE)
    await ledger.follow(111)
    assert await ledger.follow(10_000) == []
    assert len(await ledger.runs(task)) == 2


@pytest.mark.parametrize(
    "ending",
    [
        {"reason": Reason.EXIT_STATUS},
        {"reason": Reason.LOST},
        {"reason": Reason.TIMEOUT, "state": State.TIMEOUT},
        {"reason": Reason.AUTH_FAILED},
        {"reason": Reason.CANCELLED, "state": State.CANCELLED},
        {"reason": Reason.UNREACHABLE, "remote": {"mark": "m"}},
    ],
)
async def test_nothing_is_tried_again_for_a_reason_that_was_not_chosen_or_once_it_may_have_started(
    ledger: Ledger, ending: dict[str, Any]
) -> None:
    task = await failed_run(ledger, **ending)
    for second in (71, 100, 10_000):
        assert await ledger.follow(second) == []
    assert len(await ledger.runs(task)) == 1
    assert not (await ledger.lines(task))[0].open


@pytest.mark.parametrize(
    ("reason", "state"),
    [(Reason.EXIT_STATUS, State.FAILED), (Reason.LOST, State.FAILED), (Reason.TIMEOUT, State.TIMEOUT)],
)
async def test_a_run_that_started_is_tried_again_if_its_owner_chose_the_reason(
    ledger: Ledger, reason: Reason, state: State
) -> None:
    terms = Terms(retry_limit=1, retry_on=(reason,))
    task = await failed_run(ledger, terms, reason=reason, state=state, remote={"mark": "m"})
    await ledger.follow(71)
    assert len(await ledger.follow(100)) == 1
    assert len(await ledger.runs(task)) == 2


async def test_a_retry_runs_what_ran_even_if_the_task_was_changed(ledger: Ledger) -> None:
    task = await failed_run(ledger)
    await ledger.change(task, command="something else")
    await ledger.follow(71)
    await ledger.follow(100)
    assert [run.command for run in await ledger.runs(task)] == ["true", "true"]


async def test_the_runs_of_a_schedule_and_their_retries_have_the_tasks_shell(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", RETRYING, next_run=at(60), shell="/bin/bash -e")
    await ledger.fire(60)
    (run,) = await ledger.runs(task)
    await ledger.change(task, shell=None)
    await ledger.end(run.id, **UNREACHABLE)
    await ledger.follow(61)
    await ledger.follow(60 + 31)
    assert [each.shell for each in await ledger.runs(task)] == ["/bin/bash -e", "/bin/bash -e"]


async def test_a_retry_takes_the_secrets_that_the_task_has_by_then(ledger: Ledger) -> None:
    task = await failed_run(ledger)
    new = {"secret_env": {"A": None, "B": "taken"}, "sealed_env": {"A": "c2VhbGVk"}}
    await ledger.change(task, **new)
    await ledger.follow(71)
    await ledger.follow(100)
    first, second = await ledger.runs(task)
    assert (first.secret_env, first.sealed_env) == ({}, None)
    assert {"secret_env": second.secret_env, "sealed_env": second.sealed_env} == new


@pytest.mark.parametrize(("change", "why"), [({"enabled": False}, "disabled"), ({"paused_at": at(75)}, "paused")])
async def test_a_stopped_task_is_not_tried_again(ledger: Ledger, change: dict[str, Any], why: str) -> None:
    task = await failed_run(ledger)
    await ledger.follow(71)
    await ledger.change(task, **change)
    assert await ledger.follow(100) == []
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.open) == ("fired", False)
    assert f"not tried again: the task was {why}" in str(line.reason)


async def test_a_retry_gives_way_to_a_later_run_where_runs_must_not_overlap(ledger: Ledger) -> None:
    task = await failed_run(ledger, Terms(retry_limit=1, overlap=Overlap.SKIP))
    await ledger.follow(71)
    await ledger.run_of(task, state=State.RUNNING)
    assert await ledger.follow(100) == []
    assert "a later run of the task goes on" in str((await ledger.lines(task))[0].reason)


async def test_a_retry_waits_for_the_end_of_a_blackout(ledger: Ledger) -> None:
    window = {"from": at(90).isoformat(), "until": at(500).isoformat()}
    task = await ledger.task("0 * * * *", RETRYING, next_run=at(60), blackouts=[window])
    await ledger.fire(60)
    (run,) = await ledger.runs(task)
    await ledger.end(run.id, end_time=at(70), **UNREACHABLE)
    for second in (71, 100, 499):
        assert await ledger.follow(second) == []
    assert len(await ledger.follow(500)) == 1
