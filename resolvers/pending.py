"""Making a pending execution: the row is the job."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from db import executions
from db.models import Task, TaskExecution
from db.values import State, Trigger
from resolvers.errors import Conflict, NotFound, RateLimited
from resolvers.queue import QueueLimits
from resolvers.rights import RoleRequirement
from runner.admission.decision import PolicyDecision


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Who asked for a run by which right, why, what the policy says of it, when, in which queue, and the key that makes
    a repeat find the same run."""

    right: RoleRequirement
    trigger: Trigger
    ruling: PolicyDecision
    at: datetime
    queue: QueueLimits
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class CreatedRun:
    """An execution, and whether it is new."""

    row: TaskExecution
    new: bool


def insert_for_task(conn: Connection, task: Task, request: RunRequest) -> CreatedRun:
    wanted = {
        "task_id": task.id,
        "server_id": task.server_id,
        "command": task.command,
        "shell": task.shell,
        "env": task.env,
        "secret_env": task.secret_env,
        "sealed_env": task.sealed_env or None,
        "working_dir": task.working_dir,
        "timeout_seconds": task.timeout_seconds,
        "output_limit": task.output_limit,
        "mode": task.run_mode,
    }
    return insert(conn, wanted, request)


def insert(conn: Connection, wanted: dict[str, Any], request: RunRequest) -> CreatedRun:
    """The pending row; the one of before when the same user asked for the same under the same key meanwhile."""
    user_id = request.right.viewer.user_id
    try:
        request.queue.check(conn, user_id, wanted["server_id"])
    except RateLimited:  # one that is there already takes no further place
        if (found := find_run_by_key(conn, request.right, request.idempotency_key, wanted)) is None:
            raise
        return CreatedRun(found, new=False)
    row = {
        "trigger": request.trigger,
        "state": State.PENDING,
        "created_at": request.at,
        "created_by": user_id,
        "idempotency_key": request.idempotency_key,
    }
    made = executions.insert_once(conn, wanted | row | request.ruling.build_columns())
    if made is not None:
        return CreatedRun(made, new=True)
    found = executions.by_idempotency_key(conn, user_id, str(request.idempotency_key))
    return CreatedRun(_check_same_run(conn, found, request.right, wanted), new=False)


def find_run_by_key(
    conn: Connection, right: RoleRequirement, key: str | None, wanted: Mapping[str, Any]
) -> TaskExecution | None:
    """The run that this key made before, if any; Conflict when it was made for something else.

    Who may not run anything on its server any more is answered as if the server were not there.
    """
    found = None if key is None else executions.by_idempotency_key(conn, right.viewer.user_id, key)
    return None if found is None else _check_same_run(conn, found, right, wanted)


def _check_same_run(
    conn: Connection, found: TaskExecution | None, right: RoleRequirement, wanted: Mapping[str, Any]
) -> TaskExecution:
    """A task may have been changed since: it is the same run of it. A command is the same in everything.

    But for its shell: the command says which, and runs of before there was a choice have none.
    """
    names = ("task_id",) if wanted["task_id"] is not None else tuple(wanted.keys() - {"shell"})
    if found is not None and all(getattr(found, name) == wanted[name] for name in names):
        right.enforce(conn, found.server_id, NotFound.for_object("execution", found.id))
        return found
    raise Conflict(
        "This idempotency key was used for an execution of something else: use a new key.",
        "此幂等键已用于内容不同的执行，请使用新的键。",
        field=("idempotency_key",),
    )
