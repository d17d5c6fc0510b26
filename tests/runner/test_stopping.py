"""Cancelling processes of all kinds, in both modes: nothing is left alive, and the record has looked."""

import asyncio

import pytest

from db.store import Store
from db.values import Mode, Reason, State
from tests.support.local_target import carrying
from tests.support.process_trees import TREES
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.targets import Target

pytestmark = pytest.mark.anyio


async def cancelled(rig: Rig, server: int, tree: str) -> None:
    id = await rig.pending(server, f"echo up; {tree}")
    await rig.printed(id)
    assert await rig.cancel(id) == "requested"
    row = await rig.ended(id)
    assert (row.state, row.reason, row.verified_gone) == (State.CANCELLED, Reason.CANCELLED, True), row.message
    remote = row.remote or {}
    assert carrying(remote.get("spool") or remote["mark"]) == []


@pytest.mark.parametrize("mode", BOTH_WAYS)
async def test_cancel_leaves_nothing_alive_and_has_looked(store: Store, target: Target, mode: Mode) -> None:
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as rig:
        server = await rig.server(target, run_mode=mode)
        await asyncio.gather(*(cancelled(rig, server, tree) for tree in TREES.values()))


@pytest.mark.parametrize("mode", BOTH_WAYS)
async def test_the_time_limit_leaves_nothing_alive_and_has_looked(
    store: Store, demo_target: Target, mode: Mode
) -> None:
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as rig:
        server = await rig.server(demo_target, run_mode=mode)
        row = await rig.ran(server, f"echo up; {TREES['other session']}", timeout_seconds=1)
    assert (row.state, row.reason, row.verified_gone) == (State.TIMEOUT, Reason.TIMEOUT, True), row.message
