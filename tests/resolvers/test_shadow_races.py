"""Adoption while schedulers work: each slot has one line, by the mode of its moment, on both databases."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from db.models import Task
from db.store import Store
from db.values import Missed, SlotOutcome
from resolvers import tasks
from resolvers.inputs import TermsChange
from runner.scheduling.firing import fire_due
from tests.support.desk import NOON, Desk
from tests.support.ledger import allowed
from tests.support.shadow import ACTIVE, ADOPT, RETURN, SHADOW, add, pass_minutes, read_lines

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class FastClock:
    """A minute goes by in a second."""

    start: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return NOON + timedelta(seconds=60 * (time.monotonic() - self.start))


async def schedule(store: Store, clock: FastClock, until: asyncio.Event) -> None:
    while not until.is_set():
        await store.run(fire_due, clock(), allowed)
        await asyncio.sleep(0)


async def test_an_adoption_at_the_moment_of_a_slot_leaves_one_line(either_desk: Desk) -> None:
    for change, was in ((ADOPT, SHADOW), (RETURN, ACTIVE)):
        made = [await add(either_desk, name=f"{was} {n}", schedule_mode=was) for n in range(12)]
        either_desk.clock.forward(60)
        due = either_desk.clock()
        updates = [tasks.update(either_desk.operator, task.id, change) for task in made]
        schedulers = [either_desk.service.store.run(fire_due, due, allowed) for _ in range(6)]
        mixed = [work for pair in zip(updates[::2], updates[1::2], schedulers, strict=True) for work in pair]
        await asyncio.gather(*mixed)
        await pass_minutes(either_desk, 1)
        for task in made:
            first, second = await read_lines(either_desk, task)
            assert (first.slot, second.slot) == (due, due + timedelta(minutes=1))
            assert (first.outcome == "shadowed", second.outcome == "shadowed") == (was == SHADOW, was == ACTIVE)
            await tasks.set_enabled(either_desk.operator, task.id, False)


async def test_each_slot_belongs_to_the_mode_of_its_moment_while_tasks_go_to_and_fro(either_desk: Desk) -> None:
    """Two schedulers on a clock that runs, and people who change the mode at any moment."""
    clock, over, random = FastClock(), asyncio.Event(), Random(7)
    desk = replace(either_desk, service=replace(either_desk.service, clock=clock))
    terms = TermsChange(missed=Missed.ALL, missed_cap=1000)
    made = [await add(desk, name=f"task {n}", cron_expr="* * * * * *", terms=terms) for n in range(4)]
    changes: dict[int, list[tuple[datetime, str]]] = {
        task.id: [(task.schedule_mode_since or NOON, task.schedule_mode)] for task in made
    }

    async def change(task: Task) -> None:
        for n in range(8):
            await asyncio.sleep(random.uniform(0.02, 0.4))
            row = await tasks.update(desk.operator, task.id, RETURN if n % 2 else ADOPT)
            assert row.schedule_mode_since is not None
            changes[task.id].append((row.schedule_mode_since, row.schedule_mode))

    schedulers = [asyncio.create_task(schedule(desk.service.store, clock, over)) for _ in range(2)]
    await asyncio.gather(*map(change, made))
    over.set()
    await asyncio.gather(*schedulers)
    await desk.service.store.run(fire_due, clock(), allowed)
    for task in made:
        found = await read_lines(desk, task)
        assert len({line.slot for line in found}) == len(found) > 30
        steps = {later.slot - line.slot for line, later in pairwise(found)}
        assert steps == {timedelta(seconds=1)}, "no slot is left out"
        for line in found:
            assert (line.outcome == "shadowed") == (find_mode(changes[task.id], line.slot) == SHADOW)
            assert SlotOutcome(line.outcome).has_run == (line.execution_id is not None)


def find_mode(changes: Sequence[tuple[datetime, str]], slot: datetime) -> str:
    """The mode that the task had before the first change at or after the slot."""
    return [mode for since, mode in changes if since < slot][-1]
