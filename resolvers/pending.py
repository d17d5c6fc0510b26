"""Insert pending executions. The row is the job: no other queue is involved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from db import executions
from db.models import Task, TaskExecution
from db.values import Trigger
from resolvers.errors import Conflict, NotFound, RateLimited
from resolvers.queue import QueueLimits
from resolvers.rights import RoleRequirement
from runner.admission.decision import PolicyDecision


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request for a run: the required role, the trigger, the policy's decision, the time and the limits of the queue.

    A repeat with the same `idempotency_key` finds the same run.
    """

    right: RoleRequirement
    trigger: Trigger
    ruling: PolicyDecision
    at: datetime
    queue: QueueLimits
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class CreatedRun:
    """An execution, and whether this request created it."""

    row: TaskExecution
    new: bool


def insert_for_task(
    conn: Connection,
    task: Task,
    request: RunRequest,
    waiting: int | None = None,
    changes: Mapping[str, Any] | None = None,
) -> CreatedRun:
    """Insert a run of the task. `changes` are the columns that it does not take from the task."""
    return insert(conn, executions.copy_from_task(task) | dict(changes or {}), request, waiting)


def insert(conn: Connection, wanted: dict[str, Any], request: RunRequest, waiting: int | None = None) -> CreatedRun:
    """Insert a pending row, or return the one that the same user created with the same key and contents.

    `waiting`: the result of `estimate_pending`, if this transaction has it already.
    """
    user_id = request.right.viewer.user_id
    waiting = executions.estimate_pending(conn) if waiting is None else waiting
    try:
        request.queue.check(conn, user_id, wanted["server_id"], waiting)
    except RateLimited:  # a repeat of an existing run adds nothing to the queue
        if (found := find_run_by_key(conn, request.right, request.idempotency_key, wanted)) is None:
            raise
        return CreatedRun(found, new=False)
    row = executions.build_pending(wanted, trigger=request.trigger, at=request.at, user_id=user_id)
    row |= request.ruling.build_columns() | {"idempotency_key": request.idempotency_key}
    made = executions.insert_once(conn, row)
    if made is not None:
        return CreatedRun(made, new=True)
    found = executions.by_idempotency_key(conn, user_id, str(request.idempotency_key))
    return CreatedRun(_check_same_run(conn, found, request.right, wanted), new=False)


def find_run_by_key(
    conn: Connection, right: RoleRequirement, key: str | None, wanted: Mapping[str, Any]
) -> TaskExecution | None:
    """Return the run that was created under the key, if any. Conflict if it was created for something else.

    If the viewer has lost the required role on its server, the error is the same as for a run that does not exist.
    """
    found = None if key is None else executions.by_idempotency_key(conn, right.viewer.user_id, key)
    return None if found is None else _check_same_run(conn, found, right, wanted)


def _check_same_run(
    conn: Connection, found: TaskExecution | None, right: RoleRequirement, wanted: Mapping[str, Any]
) -> TaskExecution:
    """Return the run if the request is for the same: of a task its id, of a command all contents but the shell.

    A task may have been changed since, so of its parameters the caller compares what was given
    (`resolvers.parameters.require_repeat`). The shell follows from the command, and old runs have none stored.
    """
    names = ("task_id",) if wanted["task_id"] is not None else tuple(wanted.keys() - {"shell"})
    if found is not None and all(getattr(found, name) == wanted[name] for name in names):
        right.enforce(conn, found.server_id, NotFound.for_object("execution", found.id))
        return found
    raise build_other_run_error()


def build_other_run_error() -> Conflict:
    return Conflict(
        "This idempotency key was used for an execution of something else: use a new key.",
        "此幂等键已用于内容不同的执行，请使用新的键。",
        field=("idempotency_key",),
    )
