"""Firing: each due slot leaves one line in the ledger, with its outcome and why, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.values import Missed, Overlap, SlotOutcome, State, Trigger
from runner.cron.schedule import Dst
from runner.scheduling.firing import settle
from runner.scheduling.terms import Terms
from tests.support.ledger import NOON, Ledger, allowed, at, ledger, refused

pytestmark = pytest.mark.anyio
__all__ = ["ledger"]


async def test_a_due_slot_fires_once_and_the_task_moves_on(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", next_run=at(60))
    assert (await ledger.fire(59)).decided == 0
    fired = await ledger.fire(60)
    assert (fired.tasks, fired.decided, fired.started, fired.cancelled) == (1, 1, 1, False)
    assert [slot.outcome for slot in fired.slots] == [SlotOutcome.FIRED]
    assert (await ledger.fire(60)).decided == 0
    (line,) = await ledger.lines(task)
    (run,) = await ledger.runs(task)
    assert (line.slot, line.outcome, line.reason, line.execution_id) == (at(60), "fired", None, run.id)
    assert (run.state, run.trigger, run.slot, run.command) == (State.PENDING, Trigger.SCHEDULE, at(60), task.command)
    now = await ledger.read(task)
    assert (now.next_run, now.last_run) == (at(120), at(60))


async def test_the_next_slot_follows_from_the_slot_and_not_from_when_it_was_decided(ledger: Ledger) -> None:
    task = await ledger.task("@every 90s", next_run=at(90))
    await ledger.fire(100)
    assert (await ledger.read(task)).next_run == at(180)


async def test_at_fires_once_and_is_over(ledger: Ledger) -> None:
    task = await ledger.task(f"@at {at(60).isoformat()}", next_run=at(60))
    await ledger.fire(60)
    assert (await ledger.read(task)).next_run is None
    assert await ledger.outcomes(task) == [(60, "fired")]


@pytest.mark.parametrize("change", [{"enabled": False}, {"deleted_at": NOON}])
async def test_a_disabled_or_deleted_task_has_no_slots(ledger: Ledger, change: dict[str, Any]) -> None:
    task = await ledger.task("* * * * *", next_run=at(60), **change)
    await ledger.fire(600)
    assert await ledger.lines(task) == []


async def test_a_schedule_that_cannot_be_read_is_stopped_with_a_line_and_holds_up_no_other(ledger: Ledger) -> None:
    broken = [
        await ledger.task("* * 31 2 *", next_run=at(60)),
        await ledger.task("* * * * *", next_run=at(60), timezone="Mars/Olympus"),
        await ledger.task("* * * * *", {"overlap": "somehow"}, next_run=at(60)),
        await ledger.task("* * * * *", {"color": "red"}, next_run=at(60)),
    ]
    good = await ledger.task("* * * * *", next_run=at(60))
    await ledger.fire(60)
    assert await ledger.outcomes(good) == [(60, "fired")]
    for task in broken:
        (line,) = await ledger.lines(task)
        assert line.outcome == SlotOutcome.UNREADABLE
        assert "correct it" in str(line.reason)
        assert (await ledger.read(task)).next_run is None


async def test_what_the_command_policy_refuses_leaves_its_finding(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", next_run=at(60))
    await ledger.fire(60, judge=refused)
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.reason, line.execution_id) == ("refused-by-policy", "test.rule: not today", None)
    assert await ledger.runs(task) == []
    assert (await ledger.read(task)).next_run == at(120)


# --- paused


async def test_a_paused_task_leaves_skipped_lines_and_goes_on_when_resumed(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", next_run=at(60), paused_at=at(30))
    await ledger.fire(60)
    await ledger.fire(120)
    await ledger.change(task, paused_at=None)
    await ledger.fire(180)
    assert await ledger.outcomes(task) == [(60, "skipped-paused"), (120, "skipped-paused"), (180, "fired")]
    assert "paused at 2026-11-24 12:00:30 UTC" in str((await ledger.lines(task))[0].reason)


async def test_a_pause_with_an_end_ends_by_itself(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", next_run=at(60), paused_at=at(30), paused_until=at(120))
    for second in (60, 120):
        await ledger.fire(second)
    assert await ledger.outcomes(task) == [(60, "skipped-paused"), (120, "fired")]


async def test_slots_of_a_pause_that_ended_during_downtime_are_not_caught_up(ledger: Ledger) -> None:
    terms = Terms(missed=Missed.ALL)
    task = await ledger.task("* * * * *", terms, next_run=at(60), paused_at=at(90), paused_until=at(190))
    await ledger.fire(300)
    assert await ledger.outcomes(task) == [
        (60, "caught-up"),
        (120, "skipped-paused"),
        (180, "skipped-paused"),
        (240, "caught-up"),
        (300, "fired"),
    ]


async def test_nothing_starts_while_a_task_is_paused_not_even_what_was_due_before(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(missed=Missed.ALL), next_run=at(60), paused_at=at(130))
    await ledger.fire(180)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["skipped-paused"] * 3


# --- missed


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        (Missed.SKIP, ["missed", "missed", "missed", "fired"]),
        (Missed.LATEST, ["missed", "missed", "missed", "fired"]),
        (Missed.ALL, ["caught-up", "caught-up", "caught-up", "fired"]),
    ],
)
async def test_after_downtime_the_slot_of_now_runs_and_those_before_as_the_terms_say(
    ledger: Ledger, missed: Missed, expected: list[str]
) -> None:
    task = await ledger.task("* * * * *", Terms(missed=missed), next_run=at(60))
    await ledger.fire(250)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == expected


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        (Missed.SKIP, ["missed", "missed"]),
        (Missed.LATEST, ["missed", "caught-up"]),
        (Missed.ALL, ["caught-up", "caught-up"]),
    ],
)
async def test_a_slot_more_than_a_minute_late_is_a_missed_one(
    ledger: Ledger, missed: Missed, expected: list[str]
) -> None:
    task = await ledger.task("0 * * * *", Terms(missed=missed), next_run=at(3600))
    await ledger.fire(2 * 3600 + 61)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == expected
    assert "decided 61 s after it was due" in str((await ledger.lines(task))[-1].reason)


async def test_all_goes_as_far_back_as_its_cap(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(missed=Missed.ALL, missed_cap=3), next_run=at(60))
    await ledger.fire(600)
    outcomes = [outcome for _, outcome in await ledger.outcomes(task)]
    assert outcomes == ["missed"] * 7 + ["caught-up"] * 2 + ["fired"]
    assert "the newest 3 of the last 86400 s" in str((await ledger.lines(task))[0].reason)


async def test_all_goes_as_far_back_as_its_window(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(missed=Missed.ALL, missed_window_seconds=180), next_run=at(60))
    await ledger.fire(600)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["missed"] * 6 + ["caught-up"] * 3 + ["fired"]


@pytest.mark.parametrize("expr", ["* * * * * *", "@every 1s"])
async def test_a_backlog_of_thousands_is_decided_in_pieces_with_the_same_outcomes(ledger: Ledger, expr: str) -> None:
    task = await ledger.task(expr, Terms(missed=Missed.ALL, missed_cap=700), next_run=at(1))
    other = await ledger.task("* * * * *", next_run=at(2460))
    first = await ledger.fire(2500)
    assert await ledger.outcomes(other) == [(2460, "fired")]
    assert first.decided < 600
    while (await ledger.fire(2500)).tasks:
        pass
    outcomes = await ledger.outcomes(task)
    assert [second for second, _ in outcomes] == list(range(1, 2501))
    assert [outcome for _, outcome in outcomes] == ["missed"] * 1800 + ["caught-up"] * 699 + ["fired"]


@pytest.mark.parametrize("missed", list(Missed))
async def test_a_start_deadline_holds_for_late_slots_whatever_the_choice(ledger: Ledger, missed: Missed) -> None:
    task = await ledger.task("* * * * *", Terms(missed=missed, start_deadline_seconds=10), next_run=at(60))
    await ledger.fire(131)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["missed", "missed"]
    assert "its start deadline was 10 s" in str((await ledger.lines(task))[-1].reason)
    await ledger.fire(189)
    await ledger.fire(190)
    assert (await ledger.outcomes(task))[-1] == (180, "fired")


# --- jitter


async def test_jitter_moves_every_slot_of_a_task_by_the_same_time_and_the_ledger_keeps_the_slot(
    ledger: Ledger,
) -> None:
    terms = Terms(jitter_seconds=600)
    task = await ledger.task("0 * * * *", terms)
    offset = terms.offset(task.id)
    await ledger.change(task, next_run=at(3600) + offset)
    await ledger.fire(3600 + offset.total_seconds() - 1)
    assert await ledger.lines(task) == []
    await ledger.fire(3600 + offset.total_seconds())
    assert await ledger.outcomes(task) == [(3600, "fired")]
    assert (await ledger.read(task)).next_run == at(7200) + offset


def test_jitter_spreads_a_thousand_tasks_evenly_over_the_window() -> None:
    offsets = [Terms(jitter_seconds=600).offset(id) for id in range(1, 1001)]
    assert min(offsets) >= timedelta()
    assert max(offsets) < timedelta(seconds=600)
    per_minute = [sum(timedelta(minutes=n) <= each < timedelta(minutes=n + 1) for each in offsets) for n in range(10)]
    assert min(per_minute) > 60
    assert max(per_minute) < 140


# --- blackout


async def test_a_blackout_window_of_the_server_skips_its_slots_and_says_until_when(ledger: Ledger) -> None:
    window = {"start": "12:01", "end": "12:03", "days": ["TUE"], "timezone": "UTC", "reason": "backup"}
    task = await ledger.task("* * * * *", next_run=at(60), blackouts=[window])
    other = await ledger.task("* * * * *", next_run=at(60))
    for second in (60, 120, 180):
        await ledger.fire(second)
    assert await ledger.outcomes(task) == [(60, "skipped-blackout"), (120, "skipped-blackout"), (180, "fired")]
    assert await ledger.outcomes(other) == [(60, "fired"), (120, "fired"), (180, "fired")]
    assert "(backup) until 2026-11-24 12:03:00 UTC" in str((await ledger.lines(task))[0].reason)


async def test_nothing_is_caught_up_within_a_blackout(ledger: Ledger) -> None:
    window = {"from": at(90).isoformat(), "until": at(400).isoformat()}
    task = await ledger.task("* * * * *", Terms(missed=Missed.ALL), next_run=at(60), blackouts=[window])
    await ledger.fire(130)
    assert await ledger.outcomes(task) == [(60, "skipped-blackout"), (120, "skipped-blackout")]


# --- clock changes of the zone


@pytest.mark.parametrize(
    ("dst", "outcome", "runs"),
    [
        (Dst.VIXIE, "moved-by-dst", 1),
        (Dst.TWICE, "moved-by-dst", 1),
        (Dst.SKIP, "skipped-dst", 0),
        (Dst.WALL, "skipped-dst", 0),
    ],
)
async def test_a_slot_in_a_skipped_hour_has_a_line_that_says_so(
    ledger: Ledger, dst: Dst, outcome: str, runs: int
) -> None:
    end_of_gap = datetime(2026, 3, 29, 1, tzinfo=UTC)
    task = await ledger.task("30 2 * * *", Terms(dst=dst), next_run=end_of_gap, timezone="Europe/Berlin")
    await ledger.fire_at(end_of_gap)
    (line,) = await ledger.lines(task)
    assert (line.slot, line.outcome, len(await ledger.runs(task))) == (end_of_gap, outcome, runs)
    assert line.reason == "2026-03-29 02:30:00 does not exist in Europe/Berlin: clocks were set forward"


async def test_the_second_pass_of_a_repeated_hour_is_noted(ledger: Ledger) -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    task = await ledger.task("30 2 * * *", Terms(dst=Dst.TWICE), next_run=first, timezone="Europe/Berlin")
    await ledger.fire_at(first)
    await ledger.fire_at(first + timedelta(hours=1))
    assert [(line.outcome, line.note) for line in await ledger.lines(task)] == [("fired", None), ("fired", "repeated")]


# --- steps of the wall clock


async def test_an_hour_back_doubles_nothing(ledger: Ledger) -> None:
    task = await ledger.task("*/5 * * * *", next_run=at(300))
    for minute in [*range(0, 31), *range(-30, 61)]:
        await ledger.fire(minute * 60)
    assert [second for second, _ in await ledger.outcomes(task)] == list(range(300, 3601, 300))
    assert len(await ledger.runs(task)) == 12


async def test_an_hour_back_and_a_changed_schedule_double_nothing(ledger: Ledger) -> None:
    task = await ledger.task("*/5 * * * *", next_run=at(300))
    for minute in range(31):
        await ledger.fire(minute * 60)
    await ledger.change(task, next_run=at(-25 * 60))  # as a change of the schedule sets it, by the clock set back
    for minute in range(-30, 61):
        await ledger.fire(minute * 60)
    assert [second for second, _ in await ledger.outcomes(task)] == list(range(-1500, 3601, 300))
    assert len(await ledger.runs(task)) == 18


async def test_an_hour_forward_skips_nothing_silently(ledger: Ledger) -> None:
    task = await ledger.task("*/5 * * * *", next_run=at(300))
    await ledger.fire(300)
    await ledger.fire(300 + 3600)
    assert [second for second, _ in await ledger.outcomes(task)] == list(range(300, 3901, 300))
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["fired", *["missed"] * 11, "fired"]


# --- overlap at the moment of firing (what waits is in test_scheduler_follow_ups.py)


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING])
@pytest.mark.parametrize(
    ("overlap", "outcome", "runs"),
    [
        (Overlap.ALLOW, "fired", 2),
        (Overlap.SKIP, "skipped-overlap", 1),
        (Overlap.QUEUE, "waiting", 1),
    ],
)
async def test_a_slot_that_comes_while_a_run_goes_on(
    ledger: Ledger, state: State, overlap: Overlap, outcome: str, runs: int
) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=overlap), next_run=at(60))
    run = await ledger.run_of(task, state=state)
    await ledger.fire(60)
    (line,) = await ledger.lines(task)
    assert (line.outcome, len(await ledger.runs(task))) == (outcome, runs)
    if overlap is not Overlap.ALLOW:
        assert f"execution {run.id}" in str(line.reason)


async def test_skip_and_queue_fire_when_nothing_goes_on(ledger: Ledger) -> None:
    for overlap in Overlap:
        task = await ledger.task("* * * * *", Terms(overlap=overlap), next_run=at(60))
        await ledger.run_of(task, state=State.SUCCESS)
        await ledger.fire(60)
        assert await ledger.outcomes(task) == [(60, "fired")]


# --- changes of a schedule


async def test_settling_decides_what_is_due_of_one_task_before_it_is_changed(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", next_run=at(60))
    other = await ledger.task("* * * * *", next_run=at(60))
    fired = await ledger.store.run(settle, task.id, at(61), allowed)
    assert fired.started == 1
    assert await ledger.outcomes(task) == [(60, "fired")]
    assert await ledger.lines(other) == []
