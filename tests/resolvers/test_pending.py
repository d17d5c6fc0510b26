"""A run takes the same from its task however it comes to be, and no column of a task is forgotten on one way."""

from typing import Any

import pytest
from sqlalchemy import Connection

from db import executions
from db.models import Task, TaskExecution
from db.rows import get_table
from db.values import Mode, OnOutputLimit, Reason, Role, State, Trigger
from resolvers import pending
from resolvers.context import Limits, Viewer
from resolvers.pending import RunRequest
from resolvers.rights import RoleRequirement
from runner.admission.decision import PolicyDecision
from runner.policy import Verdict
from runner.scheduling.terms import Terms
from tests.support.ledger import Ledger, at, ledger
from tests.support.postgres import postgres
from tests.support.stores import database

pytestmark = pytest.mark.anyio
__all__ = ["database", "ledger", "postgres"]

# What a task has for itself: which it is, when it runs, and who made it.
ITS_OWN = {
    *("name", "name_folded", "enabled", "cron_expr", "timezone", "terms"),
    *("selector", "fleet_terms", "parameters"),
    *("paused_at", "paused_until", "next_run", "last_run", "schedule_mode", "schedule_mode_since"),
    *("created_by", "updated_by", "created_at", "updated_at", "deleted_at"),
}
TAKEN: dict[str, Any] = {
    "command": "echo taken",
    "shell": "bash",
    "env": {"A": "1"},
    "secret_env": {"B": None},
    "sealed_env": {"B": "c2VhbGVk", "D": "c2VhbGVk"},
    "parameter_values": {"C": "1", "D": None},
    "working_dir": "/srv",
    "timeout_seconds": 77,
    "output_limit": 7777,
    "on_output_limit": OnOutputLimit.TRUNCATE,
    "merge_streams": True,
    "run_mode": Mode.ATTACHED,
}


class Columns:
    """A task whose every column holds its own name."""

    def __getattr__(self, name: str) -> str:
        return name


def start_by_hand(conn: Connection, task: Task) -> TaskExecution:
    viewer = Viewer(task.created_by, "ada", Role.OPERATOR, at(3600))
    right, ruling = RoleRequirement(viewer, Role.OPERATOR), PolicyDecision(verdict=Verdict(findings=(), version="1"))
    return pending.insert_for_task(conn, task, RunRequest(right, Trigger.MANUAL, ruling, at(1), Limits().queue)).row


def test_each_column_of_a_task_is_taken_by_its_runs_or_is_said_to_be_its_own() -> None:
    task: Any = Columns()
    taken = executions.copy_from_task(task)
    assert sorted(taken.values()) == sorted({column.name for column in get_table(Task).c} - ITS_OWN)
    others = {"task_id": "id", "mode": "run_mode", "parameters": "parameter_values"}
    assert taken == {name: name for name in taken} | others
    assert set(taken) <= {column.name for column in get_table(TaskExecution).c}


def test_what_the_next_test_gives_a_task_is_all_that_a_run_takes() -> None:
    task: Any = Columns()
    assert set(executions.copy_from_task(task).values()) == {"id", "server_id", *TAKEN}


async def test_runs_by_hand_by_schedule_and_again_take_the_same_from_their_task(ledger: Ledger) -> None:
    terms = Terms(retry_limit=1, retry_delay_seconds=30)
    task = await ledger.task("* * * * *", terms, next_run=at(60), **TAKEN)
    by_hand = await ledger.store.run(start_by_hand, task)
    await ledger.fire(60)
    scheduled = (await ledger.runs(task))[-1]
    await ledger.end(
        scheduled.id, state=State.FAILED, reason=Reason.UNREACHABLE, end_time=at(61), sealed_env=None, mode=Mode.DURABLE
    )
    await ledger.follow(62)
    await ledger.follow(120)
    again = (await ledger.runs(task))[-1]
    assert [run.trigger for run in (by_hand, scheduled, again)] == [Trigger.MANUAL, Trigger.SCHEDULE, Trigger.RETRY]
    expected = executions.copy_from_task(task)
    for run in (by_hand, scheduled, again):
        assert {name: getattr(run, name) for name in expected} == expected
        assert (run.state, run.attempt, run.fence) == (State.PENDING, 1 + (run is again), 0)
