"""Tasks in shadow, and schedulers that come by, at a desk."""

from datetime import timedelta
from typing import Any

from db.models import ScheduleSlot, Task
from db.schedule_mode import ScheduleMode
from resolvers.inputs import TaskChange
from runner.scheduling.firing import fire_due
from tests.support.desk import NOON, Desk
from tests.support.ledger import allowed, lines

SHADOW, ACTIVE = ScheduleMode.SHADOW, ScheduleMode.ACTIVE
ADOPT, RETURN = TaskChange(schedule_mode=ACTIVE), TaskChange(schedule_mode=SHADOW)


async def fire(desk: Desk) -> None:
    """A scheduler comes by."""
    await desk.service.store.run(fire_due, desk.clock(), allowed)


async def pass_minutes(desk: Desk, number: int) -> None:
    """A scheduler is there each minute."""
    for _ in range(number):
        desk.clock.forward(60)
        await fire(desk)


async def read_lines(desk: Desk, task: Task) -> list[ScheduleSlot]:
    return await desk.service.store.read(lines, task.id)


async def read_outcomes(desk: Desk, task: Task) -> list[tuple[int, str]]:
    """Each slot in minutes after noon, and its outcome."""
    found = await read_lines(desk, task)
    return [((line.slot - NOON) // timedelta(minutes=1), line.outcome) for line in found]


async def add(desk: Desk, **changes: Any) -> Task:
    """A task that is due each minute, in shadow."""
    usual = {"cron_expr": "* * * * *", "schedule_mode": SHADOW}
    return (await desk.task(**usual | changes)).task
