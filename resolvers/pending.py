"""Making a pending execution: the row is the job."""

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """How many executions may wait: in all, of one user, and for one server."""

    all: int
    of_user: int
    of_server: int

    def check(self, conn: Connection, user_id: int, server_id: int) -> None:
        """RateLimited when one more may not wait."""
        span = executions.pending_span(conn)
        if span >= self.all and executions.pending_at_least(conn, self.all):
            raise full(f"{self.all} executions wait", f"已有 {self.all} 个执行在排队")
        if span >= self.of_user and executions.pending_at_least(conn, self.of_user, user_id=user_id):
            raise full(f"{self.of_user} executions of yours wait", f"您已有 {self.of_user} 个执行在排队")
        if span >= self.of_server and executions.pending_at_least(conn, self.of_server, server_id=server_id):
            raise full(
                f"{self.of_server} executions wait for this server", f"此服务器已有 {self.of_server} 个执行在排队"
            )


def full(en: str, zh: str) -> RateLimited:
    return RateLimited(10, f"{en} already: try again shortly.", f"{zh}，请稍后再试。")


@dataclass(frozen=True, slots=True)
class Made:
    """An execution, and whether it is new."""

    row: TaskExecution
    new: bool


def of_task(conn: Connection, task: Task, asked: Asked, queue: Queue) -> Made:
    wanted = {
        "task_id": task.id,
        "server_id": task.server_id,
        "command": task.command,
        "env": task.env,
        "working_dir": task.working_dir,
        "timeout_seconds": task.timeout_seconds,
        "output_limit": task.output_limit,
        "mode": task.run_mode,
    }
    return insert(conn, wanted, asked, queue)


def insert(conn: Connection, wanted: dict[str, Any], asked: Asked, queue: Queue) -> Made:
    """The pending row; the one of before when the same user asked for the same under the same key meanwhile."""
    queue.check(conn, asked.user_id, wanted["server_id"])
    row = {
        "trigger": asked.trigger,
        "state": State.PENDING,
        "created_at": asked.at,
        "created_by": asked.user_id,
        "policy_version": asked.policy_version,
        "idempotency_key": asked.idempotency_key,
    }
    made = executions.insert_once(conn, wanted | row)
    if made is not None:
        return Made(made, new=True)
    known = executions.by_idempotency_key(conn, asked.user_id, str(asked.idempotency_key))
    return Made(the_same(known, wanted), new=False)


def known(conn: Connection, user_id: int, key: str | None, wanted: Mapping[str, Any]) -> TaskExecution | None:
    """The run that this key made before, if any; Conflict when it was made for something else."""
    found = None if key is None else executions.by_idempotency_key(conn, user_id, key)
    return None if found is None else the_same(found, wanted)


def the_same(found: TaskExecution | None, wanted: Mapping[str, Any]) -> TaskExecution:
    """A task may have been changed since: it is the same run of it. A command is the same in everything."""
    names = ("task_id",) if wanted["task_id"] is not None else tuple(wanted)
    if found is not None and all(getattr(found, name) == wanted[name] for name in names):
        return found
    raise Conflict(
        "This idempotency key was used for an execution of something else: use a new key.",
        "此幂等键已用于内容不同的执行，请使用新的键。",
        field=("idempotency_key",),
    )
