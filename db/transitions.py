"""Changes of an execution's state: each is one guarded UPDATE, and its rowcount decides.

PENDING -> RUNNING -> SUCCESS | FAILED | TIMEOUT | CANCELLED; PENDING may also go to CANCELLED or FAILED.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, func, literal_column, not_, or_, select, text, update

from db import rows
from db.models import Server, TaskExecution
from db.values import Reason, State

executions = rows.table_of(TaskExecution)
servers = rows.table_of(Server)
CLAIM_LOCK = 0x55C0

Cancelled = Literal["cancelled", "requested", "final"]


def claim(
    conn: Connection, *, runner_id: str, at: datetime, limit: int, skip: Collection[int] = ()
) -> list[TaskExecution]:
    """Take up to `limit` pending executions: within each server's `max_parallel`, and in turn between servers.

    `skip`: ids of servers of which none is wanted now.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CLAIM_LOCK})
    ids: list[int] = list(conn.scalars(claimable(limit, skip)))
    if not ids:
        return []
    values = {"state": State.RUNNING, "runner_id": runner_id, "start_time": at, "fence": executions.c.fence + 1}
    taken = (
        update(executions)
        .where(executions.c.id.in_(ids), executions.c.state == State.PENDING)
        .values(**values)
        .returning(*executions.c)
    )
    return sorted(rows.all_of(conn, taken, TaskExecution), key=lambda row: ids.index(row.id))


def claimable(limit: int, skip: Collection[int] = ()) -> Select[Any]:
    """Ids: each server's n-th waiting run before any server's n+1-th. A disabled server's are taken too, to fail."""
    busy = (
        select(executions.c.server_id, func.count().label("running"))
        .where(executions.c.state == State.RUNNING)
        .group_by(executions.c.server_id)
        .subquery()
    )
    turn = func.row_number().over(partition_by=executions.c.server_id, order_by=executions.c.id).label("turn")
    pending = and_(executions.c.state == State.PENDING, executions.c.server_id.not_in(skip))
    waiting = select(executions.c.id, executions.c.server_id, turn).where(pending).subquery()
    return (
        select(waiting.c.id)
        .join(servers, servers.c.id == waiting.c.server_id)
        .outerjoin(busy, busy.c.server_id == waiting.c.server_id)
        .where(waiting.c.turn <= servers.c.max_parallel - func.coalesce(busy.c.running, literal_column("0")))
        .order_by(waiting.c.turn, waiting.c.id)
        .limit(limit)
    )


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


def request_cancel(conn: Connection, id: int, at: datetime) -> Cancelled:
    """A pending execution is cancelled at once; a running one is asked to stop, once."""
    values = {
        "state": State.CANCELLED,
        "reason": Reason.CANCELLED,
        "message": "cancelled before it started",
        "cancel_at": at,
        "end_time": at,
        "duration_ms": 0,
        "verified_gone": True,
    }
    if rows.change(conn, TaskExecution, values, executions.c.id == id, executions.c.state == State.PENDING):
        return "cancelled"
    running = and_(executions.c.id == id, executions.c.state == State.RUNNING)
    rows.change(conn, TaskExecution, {"cancel_at": at}, running, executions.c.cancel_at.is_(None))
    return "requested" if conn.scalar(select(executions.c.id).where(running)) is not None else "final"


def cancel_requested(conn: Connection, runner_id: str) -> list[int]:
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
    return rows.all_of(conn, taken, TaskExecution)


def strays(conn: Connection, *, runner_id: str, driven: Collection[int]) -> list[TaskExecution]:
    """This runner's running executions that it does not drive, with a new fence: a claim whose answer got lost."""
    taken = (
        update(executions)
        .where(executions.c.state == State.RUNNING, executions.c.runner_id == runner_id, executions.c.id.not_in(driven))
        .values(fence=executions.c.fence + 1)
        .returning(*executions.c)
    )
    return rows.all_of(conn, taken, TaskExecution)
