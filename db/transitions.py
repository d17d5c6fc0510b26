"""Changes of an execution's state. Each is one UPDATE that names the expected state; its row count says if it happened.

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
    """Write columns of a running execution. Return False if another runner has taken it over, or it has ended."""
    return rows.change(
        conn,
        TaskExecution,
        values,
        executions.c.id == id,
        executions.c.fence == fence,
        executions.c.state == State.RUNNING,
    )


def finish(conn: Connection, id: int, fence: int, values: Mapping[str, Any]) -> bool:
    """Set a running execution to the final state in `values`. Return False if the fence is outdated or it has ended."""
    return update_claimed(conn, id, fence, values)


def request_cancel(conn: Connection, id: int, at: datetime) -> CancelResult:
    """Cancel a pending execution at once, or record the request to stop a running one."""
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
    """Cancel the task's pending executions. Return their ids."""
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
    """Return the ids of this runner's running executions whose cancellation was requested."""
    query = select(executions.c.id).where(
        executions.c.state == State.RUNNING,
        executions.c.runner_id == runner_id,
        executions.c.cancel_at.is_not(None),
    )
    return list(conn.scalars(query))


def adopt(conn: Connection, *, runner_id: str) -> list[TaskExecution]:
    """Take over the running executions of other runners, with a new fence, so that their writes fail."""
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
    """Give this runner's running executions that it does not drive a new fence, and return them.

    Such a stray remains when the answer to a claim was lost. `sole`: there is no other runner, so running executions
    under another runner's name are strays too.
    """
    owned = true() if sole else executions.c.runner_id == runner_id
    taken = (
        update(executions)
        .where(executions.c.state == State.RUNNING, owned, executions.c.id.not_in(driven))
        .values(runner_id=runner_id, fence=executions.c.fence + 1)
        .returning(*executions.c)
    )
    return rows.load_all(conn, taken, TaskExecution)
