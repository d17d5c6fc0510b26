"""Ending a run and all that belongs to it, in each shell."""

import asyncio
import os
import signal

import pytest

from runner.remote import program, verify
from tests.support.local_target import LocalTarget, Runs, Watched, carrying, read
from tests.support.process_trees import TREES

pytestmark = pytest.mark.anyio


async def stopped(run: Watched) -> None:
    attachment = await run.identified()
    reading = asyncio.create_task(read(attachment))
    async with asyncio.timeout(10):
        while run.out != b"up\n":  # noqa: ASYNC110 - bytes have no event
            await asyncio.sleep(0.01)
    await attachment.stop("cancelled")
    await reading
    wire = attachment.stream
    assert wire.record is not None
    assert wire.record.why == "cancelled"
    assert wire.leftovers == verify.Leftovers(True)
    assert carrying(run.spool) == []


async def test_trees_of_all_kinds_are_ended_and_looked_for(runs: Runs) -> None:
    await asyncio.gather(*(stopped(runs(f"echo up; {tree}")) for tree in TREES.values()))


async def test_others_are_left_alone(runs: Runs) -> None:
    other = runs("echo up; sleep 300")
    await other.left()
    await stopped(runs("echo up; sleep 300"))
    (child, *_) = carrying(other.spool)
    os.kill(child, signal.SIGTERM)


async def test_a_process_that_cannot_be_ended_is_named(
    runs: Runs, local: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that hangs in the kernel would: here nothing is killed at all."""
    texts = program.load_program

    def harmless(name: str) -> str:
        return texts(name).replace("kill -s", "true").replace("-lt 20", "-lt 2")

    monkeypatch.setattr(program, "load_program", harmless)
    run = runs("echo up; sleep 300")
    attachment = await run.identified()
    await attachment.stop("cancelled")
    identity, look = attachment.stream.identity, attachment.stream.leftovers
    assert identity is not None
    assert look is not None
    assert look.verified_gone is False
    assert int(identity.child) in look.alive
    monkeypatch.undo()
    assert await verify.end_marked(local, run.spool) == verify.Leftovers(True)


async def test_a_mark_is_looked_for_whole(runs: Runs, local: LocalTarget) -> None:
    run = runs("echo up; sleep 300", spool="71-1111.")
    await run.left()
    assert await verify.end_marked(local, "71-111.") == verify.Leftovers(True)
    assert carrying(run.spool) != []
    assert await verify.end_marked(local, run.spool) == verify.Leftovers(True)
    assert carrying(run.spool) == []
