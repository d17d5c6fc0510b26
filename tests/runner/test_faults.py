"""What goes wrong around a run: the database away, answers lost, a runner taken over, a stop in the middle."""

from pathlib import Path

import pytest

from db import transitions
from db.store import Store
from db.values import Mode, Reason, State
from tests.support import runs
from tests.support.rig import Rig, Wanted, running
from tests.support.run_marks import count_runs, mark_run
from tests.support.stores import Unruly, away, both_stores, is_away
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

store = both_stores


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("loop", "store_retry"):
        monkeypatch.setattr(f"runner.{module}.LONGEST_PAUSE", 0.05)


SIZE = 100_000
WRITES = f"head -c {SIZE} /dev/zero; exit 7"
"""More than the transaction of the end takes, so that the writer stores some of it before."""


class Failing:
    """An obstacle: the units called `name` are refused `times` times."""

    def __init__(self, name: str, times: int) -> None:
        self.name = name
        self.left = times

    async def __call__(self, unit: str) -> None:
        if unit == self.name and self.left:
            self.left -= 1
            raise away()


@pytest.mark.parametrize("unit", ["claim", "load", "record_start", "append", "finish"])
async def test_a_database_that_refuses_a_step_for_a_while_changes_nothing_of_the_result(
    unruly: Unruly, demo_target: Target, tmp_path: Path, unit: str
) -> None:
    rig = Rig(Wanted(store=unruly))
    watcher = Rig(Wanted(store=unruly.real))
    server = await watcher.server(demo_target)
    id = await watcher.pending(server, mark_run(tmp_path / "runs", WRITES))
    unruly.obstacle = Failing(unit, 2)
    async with running(rig):
        row = await watcher.ended(id)
    assert (row.exit_code, await watcher.output(id), count_runs(tmp_path / "runs")) == (7, (bytes(SIZE), b""), 1)
    assert unruly.calls.count(unit) >= 3


@pytest.mark.parametrize("unit", ["claim", "record_start", "append", "finish"])
async def test_an_answer_lost_after_the_commit_changes_nothing_of_the_result(
    unruly: Unruly, demo_target: Target, tmp_path: Path, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.execution.dispatcher.STRAYS_SECONDS", 0.1)
    rig = Rig(Wanted(store=unruly))
    watcher = Rig(Wanted(store=unruly.real))
    id = await watcher.pending(await watcher.server(demo_target), mark_run(tmp_path / "runs", WRITES))
    unruly.lose = {unit}
    async with running(rig):
        row = await watcher.ended(id)
    assert (row.exit_code, await watcher.output(id), count_runs(tmp_path / "runs")) == (7, (bytes(SIZE), b""), 1)
    assert not unruly.lose


async def test_a_database_away_during_a_run_loses_neither_output_nor_end(
    unruly: Unruly, target: Target, tmp_path: Path
) -> None:
    watcher = Rig(Wanted(store=unruly.real))
    go = tmp_path / "go"
    command = f"echo one; while [ ! -e {go} ]; do sleep 0.02; done; head -c 3000000 /dev/zero; exit 7"
    async with running(Rig(Wanted(store=unruly))):
        id = await watcher.pending(await watcher.server(target), command)
        await watcher.printed(id)
        unruly.obstacle = is_away
        seen = len(unruly.calls)
        go.touch()
        await until(lambda: unruly.calls[seen:].count("append") >= 2)
        unruly.obstacle = None
        row = await watcher.ended(id)
    assert row.exit_code == 7
    assert (await watcher.output(id))[0] == b"one\n" + bytes(3_000_000)


async def test_a_runner_whose_run_was_taken_over_ends_its_driving_and_records_nothing(
    store: Store, demo_target: Target
) -> None:
    async with running(Rig(Wanted(store=store))) as rig:
        id = await rig.pending(await rig.server(demo_target), "echo up; while :; do echo more; sleep 0.05; done")
        await rig.printed(id)
        (taken,) = await store.run(transitions.adopt, runner_id="runner-2")
        await until(lambda: not rig.dispatcher.drives)
        row = await rig.row(id)
        assert (row.state, row.runner_id, row.fence) == (State.RUNNING, "runner-2", taken.fence)
        assert len((await rig.output(id))[0]) == taken.stdout_bytes


async def test_a_run_taken_over_before_its_start_is_not_started(
    unruly: Unruly, demo_target: Target, tmp_path: Path
) -> None:
    async def take_over(unit: str) -> None:
        if unit == "record_start":
            await unruly.real.run(transitions.adopt, runner_id="runner-2")

    rig = Rig(Wanted(store=unruly))
    watcher = Rig(Wanted(store=unruly.real))
    id = await watcher.pending(await watcher.server(demo_target), mark_run(tmp_path / "runs"))
    unruly.obstacle = take_over
    async with running(rig):
        await until(lambda: "record_start" in unruly.calls and not rig.dispatcher.drives)
        assert (await watcher.row(id)).state == State.RUNNING
    assert count_runs(tmp_path / "runs") == 0


async def test_a_run_that_was_claimed_and_never_started_is_started_by_the_next_runner(
    store: Store, demo_target: Target, tmp_path: Path
) -> None:
    rig = Rig(Wanted(store=store, name="runner-2"))
    row = await runs.claimed(store, await rig.server(demo_target), command=mark_run(tmp_path / "runs", "exit 7"))
    async with running(rig):
        assert (await rig.ended(row.id)).exit_code == 7
    assert count_runs(tmp_path / "runs") == 1


async def test_an_attached_run_of_a_dead_runner_ends_as_lost_without_a_second_start(
    store: Store, demo_target: Target, tmp_path: Path
) -> None:
    rig = Rig(Wanted(store=store, name="runner-2"))
    row = await runs.claimed(store, await rig.server(demo_target), command=mark_run(tmp_path / "runs"))
    noted = {"mode": Mode.ATTACHED, "remote": {"mark": "x"}}
    assert await store.run(transitions.update_claimed, row.id, row.fence, noted)
    async with running(rig):
        assert (await rig.ended(row.id)).reason == Reason.LOST
    assert count_runs(tmp_path / "runs") == 0


async def test_a_cancel_asked_for_while_no_runner_was_there_is_heard_by_the_next(
    store: Store, demo_target: Target, tmp_path: Path
) -> None:
    rig = Rig(Wanted(store=store, name="runner-2"))
    row = await runs.claimed(store, await rig.server(demo_target), command=mark_run(tmp_path / "runs"))
    assert await rig.cancel(row.id) == "requested"
    async with running(rig):
        assert (await rig.ended(row.id)).state == State.CANCELLED
    assert count_runs(tmp_path / "runs") == 0
