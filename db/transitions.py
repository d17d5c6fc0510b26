"""Changes of an execution's state: each is one guarded UPDATE, and its rowcount decides.

PENDING -> RUNNING -> SUCCESS | FAILED | TIMEOUT | CANCELLED; PENDING may also go to CANCELLED or FAILED.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, not_, or_, select, true, update

from db import rows, stdin
from db.models import TaskExecution
from db.values import Reason, State

executions = rows.get_table(TaskExecution)

CancelResult = Literal["cancelled", "requested", "final"]


def update_claimed(conn: Connection, id: int, fence: int, values: Mapping[str, Any]) -> bool:
    """Note something about a running execution; False when it is another runner's by now, or final."""
    return rows.change(
        conn,
        TaskExecution,
        values,
        executions.c.id == id,
        executions.c.fence == fence,
        executions.c.state == State.RUNNING,
    )


def finish(conn: Connection, id: int, fence: int, values: Mapping[str, Any]) -> bool:
    """RUNNING to the final state in `values`, by the runner that holds the fence."""
    return update_claimed(conn, id, fence, values)


def request_cancel(conn: Connection, id: int, at: datetime) -> CancelResult:
    """A pending execution is cancelled at once; a running one is asked to stop, once."""
    values = {
        "state": State.CANCELLED,
        "reason": Reason.CANCELLED,
        "message": "cancelled before it started",
        "cancel_at": at,
        "end_time": at,
        "duration_ms": 0,
        "sealed_env": None,
    }
    if rows.change(conn, TaskExecution, values, executions.c.id == id, executions.c.state == State.PENDING):
        stdin.remove(conn, [id])
        return "cancelled"
    running = and_(executions.c.id == id, executions.c.state == State.RUNNING)
    rows.change(conn, TaskExecution, {"cancel_at": at}, running, executions.c.cancel_at.is_(None))
    return "requested" if conn.scalar(select(executions.c.id).where(running)) is not None else "final"


def cancel_pending_of_task(conn: Connection, task_id: int, at: datetime, message: str) -> list[int]:
    """Cancel what waits to start of a task. Returns the ids."""
    values = {
        "state": State.CANCELLED,
        "reason": Reason.CANCELLED,
        "message": message,
        "cancel_at": at,
        "end_time": at,
        "duration_ms": 0,
        "sealed_env": None,
    }
    waiting = (executions.c.task_id == task_id, executions.c.state == State.PENDING)
    ended = list(conn.scalars(update(executions).where(*waiting).values(**values).returning(executions.c.id)))
    stdin.remove(conn, ended)
    return ended


def list_cancel_requests(conn: Connection, runner_id: str) -> list[int]:
    """Ids of this runner's running executions that are to stop."""
    query = select(executions.c.id).where(
        executions.c.state == State.RUNNING,
        executions.c.runner_id == runner_id,
        executions.c.cancel_at.is_not(None),
    )
    return list(conn.scalars(query))


def adopt(conn: Connection, *, runner_id: str) -> list[TaskExecution]:
    """Take over every running execution that another runner held, with a new fence, so that its writes fail."""
    taken = (
        update(executions)
        .where(
            executions.c.state == State.RUNNING,
            or_(executions.c.runner_id.is_(None), not_(executions.c.runner_id == runner_id)),
        )
        .values(runner_id=runner_id, fence=executions.c.fence + 1)
        .returning(*executions.c)
    )
    return rows.load_all(conn, taken, TaskExecution)


def adopt_strays(
    conn: Connection, *, runner_id: str, driven: Collection[int], sole: bool = False
) -> list[TaskExecution]:
    """This runner's running executions that it does not drive, with a new fence: a claim whose answer got lost.

    `sole`: there is no other runner, so what runs under another's name is a stray too.
    """
    owned = true() if sole else executions.c.runner_id == runner_id
    taken = (
        update(executions)
        .where(executions.c.state == State.RUNNING, owned, executions.c.id.not_in(driven))
        .values(runner_id=runner_id, fence=executions.c.fence + 1)
        .returning(*executions.c)
    )
    return rows.load_all(conn, taken, TaskExecution)
