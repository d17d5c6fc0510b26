"""Making a pending execution: the row is the job."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from db import executions
from db.models import Task, TaskExecution
from db.values import State, Trigger
from resolvers.errors import Conflict, RateLimited


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a run, why, under which policy, when, and the key that makes a repeat find the same run."""

    user_id: int
    trigger: Trigger
    policy_version: str
    at: datetime
    idempotency_key: str | None = None


def of_task(conn: Connection, task: Task, asked: Asked, most: int) -> TaskExecution:
    wanted = {
        "task_id": task.id,
        "server_id": task.server_id,
        "command": task.command,
        "env": task.env,
        "working_dir": task.working_dir,
        "timeout_seconds": task.timeout_seconds,
        "output_limit": task.output_limit,
    }
    return insert(conn, wanted, asked, most)


def insert(conn: Connection, wanted: dict[str, Any], asked: Asked, most: int) -> TaskExecution:
    """The pending row; the one of before when the caller's idempotency key is known."""
    if asked.idempotency_key is not None:
        known = executions.by_idempotency_key(conn, asked.user_id, asked.idempotency_key)
        if known is not None:
            return the_same(known, wanted)
    if executions.pending_at_least(conn, most):
        raise RateLimited(10, f"{most} executions wait already: try again shortly.", f"已有 {most} 个执行在排队。")
    return executions.insert(
        conn,
        wanted
        | {
            "trigger": asked.trigger,
            "state": State.PENDING,
            "created_at": asked.at,
            "created_by": asked.user_id,
            "policy_version": asked.policy_version,
            "idempotency_key": asked.idempotency_key,
        },
    )


def the_same(known: TaskExecution, wanted: dict[str, Any]) -> TaskExecution:
    """The run that the key made before; Conflict when it was made for something else."""
    asked_before = (known.task_id, known.server_id, known.command)
    if asked_before == (wanted.get("task_id"), wanted["server_id"], wanted["command"]):
        return known
    raise Conflict(
        f"This idempotency key was used for execution {known.id}, which runs something else: use a new key.",
        f"此幂等键已用于内容不同的执行 {known.id}，请使用新的键。",
        field=("idempotency_key",),
    )
