"""What a row says of a durable run's processes, and what follows from it: a run that surely began is begun once."""

import asyncio
from pathlib import Path

import pytest

from db import output, transitions
from db.output import NewChunk
from db.store import Store
from db.values import Mode, Reason, State, Stream
from tests.support import runs
from tests.support.rig import rig_on, running
from tests.support.targets import Target

pytestmark = pytest.mark.anyio


async def test_a_run_with_stored_output_is_not_started_anew_where_its_files_are_gone(
    store: Store, openssh: Target, tmp_path: Path
) -> None:
    """Its first runner died in the second in which nothing but the spool's name is in the row."""
    counter = tmp_path / "counter"
    server = await runs.server(store, openssh, run_mode=Mode.DURABLE)
    row = await runs.claimed(store, server, command=f"echo ran >>{counter}")
    noted = {"spool": f"{row.id}-00112233445566bb.", "at": runs.now().timestamp()}
    assert await store.run(transitions.update_claimed, row.id, row.fence, {"mode": Mode.DURABLE, "remote": noted})
    chunk = NewChunk(row.id, row.fence, Stream.STDOUT, 0, runs.now(), b"out\n")
    assert not await store.run(output.append, [chunk])
    async with running(rig_on(store, "runner-2")) as second:
        ended = await second.ended(row.id)
    assert (ended.state, ended.reason, ended.stdout_bytes) == (State.FAILED, Reason.LOST, 4)
    assert not counter.exists()


async def test_the_processes_of_a_short_run_are_stored_with_its_end(store: Store, openssh: Target) -> None:
    async with running(rig_on(store)) as rig:
        row = await rig.ran(await rig.server(openssh, run_mode=Mode.DURABLE), "echo hello")
    assert row.remote is not None
    assert (row.remote["pid"].isdigit(), row.remote["start"].isdigit(), len(row.remote["boot"])) == (True, True, 36)


async def test_the_processes_of_a_run_that_goes_on_are_stored_while_it_does(
    store: Store, openssh: Target, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    async with running(rig_on(store)) as rig:
        id = await rig.pending(
            await rig.server(openssh, run_mode=Mode.DURABLE), f"while [ ! -e {go} ]; do sleep 0.1; done"
        )
        await rig.noted(id)
        async with asyncio.timeout(30):
            while "pid" not in ((await rig.row(id)).remote or {}):
                pass
        assert (await rig.row(id)).state == State.RUNNING
        go.touch()
        await rig.ended(id)
