"""A ledger to look at: tasks, runs and slots on a real database, fired at times that a test says."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from db import slots, tasks
from db.models import ScheduleSlot, Task, TaskExecution
from db.rows import change, get_table, load_all
from db.store import Store, open_store
from runner.admission.decision import Decider, PolicyDecision
from runner.policy import Severity, Verdict
from runner.scheduling.firing import FiringResult, fire_due
from runner.scheduling.follow_ups import follow_up
from runner.scheduling.terms import Terms
from tests.support import rows
from tests.support.findings import make_finding
from tests.support.stores import Database

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)  # a Tuesday
FAR = 10_000


def at(seconds: float) -> datetime:
    """A moment `seconds` after noon."""
    return NOON + timedelta(seconds=seconds)


def judged(severity: Severity) -> Decider:
    """A command policy that says the same of every task."""
    finding = make_finding("test.rule", severity)
    ruling = PolicyDecision(verdict=Verdict(findings=(finding,), version="1"))
    return lambda conn, tasks: {task.id: ruling for task in tasks}


allowed, refused = judged("warn"), judged("deny")


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a scheduler does to one database, step by step."""

    store: Store

    async def task(
        self, expr: str, terms: Terms | dict[str, Any] | None = None, *, blackouts: Any = (), **changes: Any
    ) -> Task:
        kept = terms.dump() if isinstance(terms, Terms) else terms or {}
        values = {"cron_expr": expr, "terms": kept, "next_run": None} | changes

        def make(conn: Connection) -> Task:
            server = rows.server(conn, blackouts=list(blackouts))
            return rows.task(conn, server_id=server.id, **values)

        return await self.store.run(make)

    async def change(self, task: Task, **values: Any) -> None:
        assert await self.store.run(tasks.update, task.id, values)

    async def read(self, task: Task) -> Task:
        found = await self.store.read(tasks.by_id, task.id)
        assert found is not None
        return found

    async def fire(self, seconds: float, judge: Decider = allowed) -> FiringResult:
        """One transaction of a scheduler at `seconds` after noon."""
        return await self.store.run(fire_due, at(seconds), judge)

    async def fire_at(self, now: datetime) -> FiringResult:
        return await self.store.run(fire_due, now, allowed)

    async def follow(self, seconds: float) -> list[int]:
        """What follows at `seconds` after noon. Returns the executions that were made or ended."""
        found = await self.store.read(slots.list_actionable, at(seconds), FAR)
        return await self.store.run(follow_up, [line.id for line in found], at(seconds))

    async def lines(self, task: Task) -> list[ScheduleSlot]:
        return await self.store.read(lines, task.id)

    async def outcomes(self, task: Task) -> list[tuple[int, str]]:
        """Each slot in seconds after noon, and its outcome."""
        return [((line.slot - NOON) // timedelta(seconds=1), line.outcome) for line in await self.lines(task)]

    async def runs(self, task: Task) -> list[TaskExecution]:
        return await self.store.read(runs, task.id)

    async def run_of(self, task: Task, **values: Any) -> TaskExecution:
        """An execution of the task that somebody started."""
        made = {"task_id": task.id, "server_id": task.server_id, "created_by": task.created_by}
        return await self.store.run(lambda conn: rows.pending(conn, **(made | values)))

    async def end(self, run_id: int, **values: Any) -> None:
        def ended(conn: Connection) -> bool:
            table = get_table(TaskExecution)
            return change(conn, TaskExecution, values, table.c.id == run_id)

        assert await self.store.run(ended)


def lines(conn: Connection, task_id: int) -> list[ScheduleSlot]:
    table = get_table(ScheduleSlot)
    return load_all(conn, select(table).where(table.c.task_id == task_id).order_by(table.c.slot), ScheduleSlot)


def runs(conn: Connection, task_id: int) -> list[TaskExecution]:
    table = get_table(TaskExecution)
    return load_all(conn, select(table).where(table.c.task_id == task_id).order_by(table.c.id), TaskExecution)


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    """On SQLite and on PostgreSQL."""
    async with database() as url:
        store = await open_store(url)
        yield Ledger(store)
        await store.close()
