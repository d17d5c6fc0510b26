"""Catching up where runs must not overlap: what is due now is not given up for what was missed, on both databases."""

import pytest

from db.values import Missed, Overlap, Reason, State
from runner.scheduling.terms import Terms
from tests.support.ledger import Ledger, at, ledger

pytestmark = pytest.mark.anyio
__all__ = ["ledger"]

DONE = {"state": State.SUCCESS, "reason": Reason.EXIT_STATUS}
SKIP = Terms(overlap=Overlap.SKIP, missed=Missed.ALL)


async def test_with_skip_the_slot_that_is_on_time_runs_and_the_missed_ones_say_what_they_gave_way_to(
    ledger: Ledger,
) -> None:
    task = await ledger.task("* * * * *", SKIP, next_run=at(60))
    await ledger.fire(215)
    assert await ledger.outcomes(task) == [(60, "skipped-overlap"), (120, "skipped-overlap"), (180, "fired")]
    assert [run.slot for run in await ledger.runs(task)] == [at(180)]
    reason = str((await ledger.lines(task))[0].reason)
    assert "gives way to the slot of 2026-11-24 12:03:00 UTC" in reason
    assert await ledger.follow(216) == []


@pytest.mark.parametrize(("expr", "last"), [("* * * * * *", 2500), ("@every 7s", 2499)])
async def test_with_skip_it_runs_also_at_the_end_of_a_backlog_that_is_decided_in_pieces(
    ledger: Ledger, expr: str, last: int
) -> None:
    terms = Terms(overlap=Overlap.SKIP, missed=Missed.ALL, missed_cap=700)
    first = 1 if last == 2500 else 0
    task = await ledger.task(expr, terms, next_run=at(first))
    while (await ledger.fire(2500)).tasks:
        pass
    assert [run.slot for run in await ledger.runs(task)] == [at(last)]
    assert (await ledger.outcomes(task))[-1] == (last, "fired")
    assert {outcome for _, outcome in (await ledger.outcomes(task))[:-1]} <= {"missed", "skipped-overlap"}


async def test_with_skip_and_none_on_time_every_missed_slot_has_its_turn(ledger: Ledger) -> None:
    task = await ledger.task("0 * * * *", SKIP, next_run=at(3600))
    await ledger.fire(2 * 3600 + 1800)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["caught-up", "waiting"]


async def test_with_skip_missed_slots_do_not_give_way_to_one_that_may_not_run(ledger: Ledger) -> None:
    window = {"from": at(7200).isoformat(), "until": at(7210).isoformat()}
    task = await ledger.task("0 * * * *", SKIP, next_run=at(3600), blackouts=[window])
    await ledger.fire(7230)
    assert await ledger.outcomes(task) == [(3600, "caught-up"), (7200, "skipped-blackout")]


async def test_with_skip_what_goes_on_is_still_not_overlapped(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", SKIP, next_run=at(60))
    run = await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(125)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["skipped-overlap"] * 2
    assert str((await ledger.lines(task))[-1].reason) == f"execution {run.id} had not ended"


async def test_with_queue_the_slot_that_is_on_time_waits_behind_the_missed_ones(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.QUEUE, missed=Missed.ALL), next_run=at(60))
    await ledger.fire(215)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["caught-up", "waiting", "waiting"]
    while unfinished := [run for run in await ledger.runs(task) if run.state == State.PENDING]:
        assert len(unfinished) == 1
        await ledger.end(unfinished[0].id, **DONE)
        await ledger.follow(216)
    assert [outcome for _, outcome in await ledger.outcomes(task)] == ["caught-up", "caught-up", "fired"]


async def test_with_queue_one_more_waits_at_most_while_missed_slots_take_their_turns(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.QUEUE, missed=Missed.ALL), next_run=at(60))
    await ledger.fire(215)
    await ledger.fire(240)
    assert (await ledger.outcomes(task))[-1] == (240, "skipped-overlap")
