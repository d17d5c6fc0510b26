"""Whoever watches a run is handed the rows that its driver has committed, and no other."""

from typing import Any

import pytest

from db import transitions
from db.store import Store
from db.values import State
from runner.bus import execution_address
from tests.support import runs
from tests.support.rig import Rig, Wanted, running
from tests.support.stores import Unruly
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


async def test_watchers_are_handed_the_row_that_was_claimed_and_the_row_that_has_ended(
    store: Store, demo_target: Target
) -> None:
    rig = Rig(Wanted(store=store))
    id = await runs.pending(store, await rig.server(demo_target), "echo hello")
    handed: list[Any] = []
    with rig.bus.watch(execution_address(id)) as watch:
        async with running(rig):
            while not handed or handed[-1].state == State.RUNNING:
                await watch.wait(30)
                watch.clear()
                handed.append(watch.value)
    assert (handed[0].state, handed[0].fence) == (State.RUNNING, 1)
    assert handed[-1] == await rig.row(id)


async def test_a_driver_whose_run_was_taken_over_before_its_end_hands_out_no_end(
    unruly: Unruly, demo_target: Target
) -> None:
    async def take_over(unit: str) -> None:
        if unit == "finish":
            await unruly.real.run(transitions.adopt, runner_id="runner-2")

    rig = Rig(Wanted(store=unruly))
    id = await runs.pending(unruly.real, await rig.server(demo_target), "echo hello")
    unruly.obstacle = take_over
    with rig.bus.watch(execution_address(id)) as watch:
        async with running(rig):
            await until(lambda: "finish" in unruly.calls and not rig.dispatcher.drives)
        last: Any = watch.value
    assert (last.state, (await rig.row(id)).state) == (State.RUNNING, State.RUNNING)
    assert await rig.output(id) == (b"", b""), "its output is the other runner's to store"
