"""Fires schedules: due tasks are found by an index on `next_run`, in batches; cost grows with what is due."""

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Connection

from db import executions, tasks
from db.models import Task
from db.store import Store
from db.values import State, Trigger
from runner import cron
from runner.bus import EXECUTIONS, PENDING, SCHEDULE, Bus
from runner.loop import Loop

log = structlog.get_logger()

BATCH = 200
LONGEST_SLEEP = 30.0


class Scheduler(Loop):
    """One transaction a batch writes each execution and its task's new `next_run`, so that no slot fires twice."""

    name = "scheduler"
    address = SCHEDULE

    def __init__(self, *, bus: Bus, store: Store, clock: Callable[[], datetime]) -> None:
        super().__init__(bus=bus)
        self.store = store
        self.clock = clock

    async def tick(self) -> float:
        fired = await self.store.run(fire_due, self.clock())
        if fired:
            self.bus.hint(PENDING, EXECUTIONS)
            return 0.0
        due = await self.store.read(tasks.next_due)
        if due is None:
            return LONGEST_SLEEP
        return min(LONGEST_SLEEP, max(0.0, (due - self.clock()).total_seconds()))


def fire_due(conn: Connection, now: datetime) -> int:
    """Fire what is due at `now`. After downtime a task fires once, for the latest slot it missed."""
    due = tasks.due(conn, now, BATCH)
    for task in due:
        fire(conn, task, now)
    return len(due)


def fire(conn: Connection, task: Task, now: datetime) -> None:
    upcoming = cron.parse(task.cron_expr, timezone=task.timezone).next_after(now)
    tasks.update(conn, task.id, {"next_run": upcoming.at if upcoming else None, "last_run": now})
    executions.insert(
        conn,
        {
            "task_id": task.id,
            "server_id": task.server_id,
            "command": task.command,
            "env": task.env,
            "working_dir": task.working_dir,
            "timeout_seconds": task.timeout_seconds,
            "output_limit": task.output_limit,
            "trigger": Trigger.SCHEDULE,
            "slot": task.next_run,
            "state": State.PENDING,
            "created_at": now,
            "created_by": task.created_by,
        },
    )
