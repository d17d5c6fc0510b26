"""What goes wrong around a run: the database away, answers lost, a runner taken over, a stop in the middle."""

import asyncio
from pathlib import Path

import pytest

from db import transitions
from db.store import Store
from db.values import Mode, Reason, State
from runner.connecting import Patience
from runner.execution import Drive
from runner.outcome import Outcome, ended
from runner.ssh import Connection
from tests.runner import rows
from tests.runner.conftest import until
from tests.runner.rig import WAYS, Rig, Wanted, running
from tests.runner.stores import Unruly, away, is_away
from tests.targets import Target, free_port

pytestmark = pytest.mark.anyio


class Failing:
    """An obstacle: the units called `name` are refused `times` times."""

    def __init__(self, name: str, times: int) -> None:
        self.name = name
        self.left = times

    async def __call__(self, unit: str) -> None:
        if unit == self.name and self.left:
            self.left -= 1
            raise away()


def counted(path: Path, then: str = "") -> str:
    """A command that leaves a mark each time it runs."""
    return f"echo ran >> {path}; {then}"


def times(path: Path) -> int:
    return path.read_text().count("ran") if path.exists() else 0


@pytest.mark.parametrize("unit", ["claim", "by_id", "update_claimed", "append", "finish"])
async def test_a_database_that_refuses_a_step_for_a_while_changes_nothing_of_the_result(
    unruly: Unruly, demo_target: Target, tmp_path: Path, unit: str
) -> None:
    rig = Rig(Wanted(store=unruly))
    watcher = Rig(Wanted(store=unruly.real))
    server = await watcher.server(demo_target)
    id = await watcher.pending(server, counted(tmp_path / "runs", "echo out; exit 7"))
    unruly.obstacle = Failing(unit, 2)
    async with running(rig):
        row = await watcher.ended(id)
    assert (row.exit_code, await watcher.output(id), times(tmp_path / "runs")) == (7, (b"out\n", b""), 1)
    assert unruly.calls.count(unit) >= 3


@pytest.mark.parametrize("unit", ["claim", "update_claimed", "append", "finish"])
async def test_an_answer_lost_after_the_commit_changes_nothing_of_the_result(
    unruly: Unruly, demo_target: Target, tmp_path: Path, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.dispatcher.STRAYS_SECONDS", 0.1)
    rig = Rig(Wanted(store=unruly))
    watcher = Rig(Wanted(store=unruly.real))
    id = await watcher.pending(await watcher.server(demo_target), counted(tmp_path / "runs", "echo out; exit 7"))
    unruly.lose = {unit}
    async with running(rig):
        row = await watcher.ended(id)
    assert (row.exit_code, await watcher.output(id), times(tmp_path / "runs")) == (7, (b"out\n", b""), 1)
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


async def test_a_signal_name_that_no_system_has_is_kept_as_far_as_it_fits(store: Store, demo_target: Target) -> None:
    async def odd(drive: Drive, connection: Connection) -> Outcome:
        return ended(None, "USR1@openssh.com\0" * 100)

    async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: odd}))) as rig:
        row = await rig.ran(await rig.server(demo_target), "true")
    assert (row.state, row.reason, row.exit_signal) == (State.FAILED, Reason.SIGNAL, "USR1opensshcomUS")


async def test_an_end_that_cannot_be_stored_as_it_is_is_still_an_end(store: Store, demo_target: Target) -> None:
    async def odd(drive: Drive, connection: Connection) -> Outcome:
        return Outcome(state=State.FAILED, reason=Reason.SIGNAL, exit_signal=object())  # type: ignore[arg-type]

    async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: odd}))) as rig:
        row = await rig.ran(await rig.server(demo_target), "true")
    assert (row.state, row.exit_signal) == (State.FAILED, None)
    assert "log" in (row.message or "")


@pytest.mark.parametrize("status", [2**31, 2**32 - 1])
async def test_an_exit_status_of_more_than_31_bits_is_kept_as_a_failure(
    store: Store, demo_target: Target, status: int
) -> None:
    async def odd(drive: Drive, connection: Connection) -> Outcome:
        return ended(status, None)

    async with running(Rig(Wanted(store=store, ways={Mode.ATTACHED: odd}))) as rig:
        row = await rig.ran(await rig.server(demo_target), "true")
    assert row.state == State.FAILED
    assert row.exit_code is not None
    assert -(2**31) <= row.exit_code < 2**31


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
        if unit == "update_claimed":
            await unruly.real.run(transitions.adopt, runner_id="runner-2")

    rig = Rig(Wanted(store=unruly))
    watcher = Rig(Wanted(store=unruly.real))
    id = await watcher.pending(await watcher.server(demo_target), counted(tmp_path / "runs"))
    unruly.obstacle = take_over
    async with running(rig):
        await until(lambda: "update_claimed" in unruly.calls and not rig.dispatcher.drives)
        assert (await watcher.row(id)).state == State.RUNNING
    assert times(tmp_path / "runs") == 0


async def test_a_run_that_was_claimed_and_never_started_is_started_by_the_next_runner(
    store: Store, demo_target: Target, tmp_path: Path
) -> None:
    rig = Rig(Wanted(store=store, name="runner-2"))
    row = await rows.claimed(store, await rig.server(demo_target), command=counted(tmp_path / "runs", "exit 7"))
    async with running(rig):
        assert (await rig.ended(row.id)).exit_code == 7
    assert times(tmp_path / "runs") == 1


async def test_an_attached_run_of_a_dead_runner_ends_as_lost_without_a_second_start(
    store: Store, demo_target: Target, tmp_path: Path
) -> None:
    rig = Rig(Wanted(store=store, name="runner-2"))
    row = await rows.claimed(store, await rig.server(demo_target), command=counted(tmp_path / "runs"))
    noted = {"mode": Mode.ATTACHED, "remote": {"mark": "x"}}
    assert await store.run(transitions.update_claimed, row.id, row.fence, noted)
    async with running(rig):
        assert (await rig.ended(row.id)).reason == Reason.LOST
    assert times(tmp_path / "runs") == 0


async def test_a_cancel_asked_for_while_no_runner_was_there_is_heard_by_the_next(
    store: Store, demo_target: Target, tmp_path: Path
) -> None:
    rig = Rig(Wanted(store=store, name="runner-2"))
    row = await rows.claimed(store, await rig.server(demo_target), command=counted(tmp_path / "runs"))
    assert await rig.cancel(row.id) == "requested"
    async with running(rig):
        assert (await rig.ended(row.id)).state == State.CANCELLED
    assert times(tmp_path / "runs") == 0


async def test_a_drain_gives_an_attached_run_its_time(store: Store, demo_target: Target) -> None:
    rig = Rig(Wanted(store=store))
    async with running(rig):
        id = await rig.pending(await rig.server(demo_target), "echo up; sleep 0.5; exit 7")
        await rig.printed(id)
        await rig.dispatcher.drain(20)
        assert (await rig.row(id)).exit_code == 7


async def test_an_attached_run_that_outlasts_the_drain_is_ended_and_says_why(store: Store, target: Target) -> None:
    rig = Rig(Wanted(store=store))
    async with running(rig):
        id = await rig.pending(await rig.server(target), "echo up; sleep 60")
        await rig.printed(id)
        await rig.dispatcher.drain(0.05)
        row = await rig.row(id)
    assert (row.state, row.reason, row.verified_gone) == (State.CANCELLED, Reason.CANCELLED, True)
    assert "sshcast was stopping" in (row.message or "")
    assert (await rig.output(id))[0] == b"up\n"


async def test_a_drain_leaves_what_is_not_started_to_the_next_runner(
    store: Store, demo_target: Target, tmp_path: Path
) -> None:
    patience = Patience(attempts=None, seconds=600, first_pause=600, longest_pause=600)
    first = Rig(Wanted(store=store, patience=patience))
    port = free_port()
    async with running(first):
        server = await first.server(demo_target, port=port)
        id = await first.pending(server, counted(tmp_path / "runs", "exit 7"))
        await first.reaches(id, State.RUNNING)
        await asyncio.wait_for(first.dispatcher.drain(60), 5)
    assert (await first.row(id)).state == State.RUNNING
    await store.run(rows.servers.update, server, {"port": demo_target.port})
    async with running(Rig(Wanted(store=store, name="runner-2"))) as second:
        assert (await second.ended(id)).exit_code == 7
    assert times(tmp_path / "runs") == 1


async def test_a_drain_leaves_durable_runs_alone_at_once(store: Store, demo_target: Target) -> None:
    begun = asyncio.Event()

    async def durable(drive: Drive, connection: Connection) -> Outcome:
        await drive.note({"remote": {"spool": "x"}})
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError("never")

    rig = Rig(Wanted(store=store, ways={**WAYS, Mode.DURABLE: durable}))
    async with running(rig):
        id = await rig.pending(await rig.server(demo_target, run_mode=Mode.DURABLE), "true")
        await begun.wait()
        await asyncio.wait_for(rig.dispatcher.drain(60), 5)
        row = await rig.row(id)
    assert (row.state, row.mode, row.remote) == (State.RUNNING, Mode.DURABLE, {"spool": "x"})


async def test_a_draining_runner_claims_nothing(store: Store, demo_target: Target) -> None:
    rig = Rig(Wanted(store=store))
    async with running(rig):
        server = await rig.server(demo_target)
        await rig.ran(server, "true")
        await rig.dispatcher.drain(0)
        id = await rig.pending(server, "true")
    assert (await rig.row(id)).state == State.PENDING
