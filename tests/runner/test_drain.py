"""Being asked to stop: no new claims, attached runs get their time, the rest is left to the next runner."""

import asyncio
from pathlib import Path

import pytest

from db import servers
from db.store import Store
from db.values import Mode, Reason, State
from runner.execution.drive import Drive
from runner.execution.outcome import Outcome
from runner.ssh.attempts import RetryPolicy
from runner.ssh.protocol import ShellSource
from tests.support.ports import free_port
from tests.support.rig import WAYS, Rig, Wanted, running
from tests.support.run_marks import count_runs, mark_run
from tests.support.scripted_run import follow
from tests.support.targets import Target

pytestmark = pytest.mark.anyio


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
    retry_policy = RetryPolicy(attempts=None, seconds=600, first_pause=600, longest_pause=600)
    first = Rig(Wanted(store=store, retry_policy=retry_policy))
    port = free_port()
    async with running(first):
        server = await first.server(demo_target, port=port)
        id = await first.pending(server, mark_run(tmp_path / "runs", "exit 7"))
        await first.reaches(id, State.RUNNING)
        await asyncio.wait_for(first.dispatcher.drain(60), 5)
    assert (await first.row(id)).state == State.RUNNING
    await store.run(servers.update, server, {"port": demo_target.port})
    async with running(Rig(Wanted(store=store, name="runner-2"))) as second:
        assert (await second.ended(id)).exit_code == 7
    assert count_runs(tmp_path / "runs") == 1


async def test_a_drain_leaves_durable_runs_alone_at_once(store: Store, demo_target: Target) -> None:
    begun = asyncio.Event()

    async def durable(drive: Drive, shells: ShellSource) -> Outcome:
        await drive.record_progress({"remote": {"spool": "x"}})
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError("never")

    rig = Rig(Wanted(store=store, ways={**WAYS, Mode.DURABLE: follow(durable)}))
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
