"""Queries on `task_executions`: reads, and inserting the pending row. Changes of state are in `db.transitions`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from db import page as pages
from db import picked_pages, rows, tags
from db.execution_filters import (
    OPEN,
    build_all_conditions,
    build_conditions,
    build_visibility_conditions,
    forget_outcome,
)
from db.execution_filters import ExecutionFilter as ExecutionFilter
from db.execution_filters import has_outcome as has_outcome
from db.execution_plans import plan_by_owner, plan_page, plan_scan
from db.models import Server, Task, TaskExecution
from db.page import Owners, Window
from db.picked import Columns
from db.prepared import Prepared
from db.values import State, Trigger
from db.visibility import EVERYTHING, VisibilityScope

executions = rows.get_table(TaskExecution)
tasks = rows.get_table(Task)
servers = rows.get_table(Server)
KEY = ("created_by", "idempotency_key")
LIGHT = [
    executions.c[name]
    for name in ("id", "state", "cancel_at", "created_at", "created_by", "server_id", "task_id", "trigger", "findings")
]
MANY = 10_000_000
# How many rows a page by a part of the command looks at.
SCANNED = 10_000
FORGOTTEN = {"sealed_env": None, "sealed_run": None}
"""Values that clear the sealed columns of an execution that has ended."""
DEFAULTS: dict[str, Any] = {"state": State.PENDING, "attempt": 1, "fence": 0}

PLACE = (executions.c.state, executions.c.id)
# The first row in the order of (state, id), and not the lowest id of that state: for that, PostgreSQL may scan all the
# history, since pending rows are at its end.
FIRST_WAITING = (
    select(*PLACE, select(func.max(executions.c.id)).scalar_subquery().label("newest"))
    .where(tuple_(*PLACE) >= (State.PENDING, 0))
    .order_by(*PLACE)
    .limit(1)
)

BY_ID = Prepared(select(executions).where(executions.c.id == bindparam("execution")))
BY_KEY = Prepared(
    select(executions).where(
        executions.c.created_by == bindparam("user"), executions.c.idempotency_key == bindparam("key")
    )
)

RunStatus = tuple[str, bool]
"""The state, and whether a cancellation was requested."""


def copy_from_task(task: Task) -> dict[str, Any]:
    """Return the columns that a run takes from its task as it stands, whatever triggers the run."""
    return {
        "task_id": task.id,
        "server_id": task.server_id,
        "command": task.command,
        "shell": task.shell,
        "env": task.env,
        "secret_env": task.secret_env,
        "sealed_env": task.sealed_env or None,
        "parameters": task.parameter_values,
        "working_dir": task.working_dir,
        "timeout_seconds": task.timeout_seconds,
        "output_limit": task.output_limit,
        "on_output_limit": task.on_output_limit,
        "merge_streams": task.merge_streams,
        "mode": task.run_mode,
    }


def build_pending(wanted: Mapping[str, Any], *, trigger: Trigger, at: datetime, user_id: int) -> dict[str, Any]:
    """Return the columns of a pending row. `wanted` holds what to run; the run acts for the user `user_id`."""
    return DEFAULTS | dict(wanted) | {"trigger": trigger, "created_at": at, "created_by": user_id}


def insert(conn: Connection, values: Mapping[str, Any]) -> TaskExecution:
    return rows.add(conn, TaskExecution, DEFAULTS | dict(values))


def insert_once(conn: Connection, values: Mapping[str, Any]) -> TaskExecution | None:
    """Insert a row; None if the user has an execution under this idempotency key, even a very recent one."""
    given = DEFAULTS | dict(values)
    return _build_insert_once(conn.dialect.name, tuple(given)).find_first(conn, given)


@cache
def _build_insert_once(dialect: str, names: Sequence[str]) -> Prepared:
    """Build the INSERT of these columns and keep it: building takes longer than running it."""
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(executions)
    return Prepared(insert.on_conflict_do_nothing(index_elements=KEY).returning(*executions.c), names)


def store_sealed(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    """Write sealed values of an execution that has not ended. Return False if it has ended."""
    return rows.change(conn, TaskExecution, values, executions.c.id == id, executions.c.state.in_(OPEN))


def list_sealed_after(conn: Connection, id: int, limit: int) -> list[TaskExecution]:
    """Return up to `limit` open executions with an id above `id` that hold sealed values, in order of ids."""
    holds = or_(executions.c.sealed_env.is_not(None), executions.c.sealed_run.is_not(None))
    found = (executions.c.id > id, executions.c.state.in_(OPEN), holds)
    return rows.load_all(conn, select(executions).where(*found).order_by(executions.c.id).limit(limit), TaskExecution)


def replace_sealed(conn: Connection, id: int, column: str, old: Any, new: Any) -> bool:
    """Replace a sealed value. Return False if the column no longer holds `old`."""
    return rows.change(conn, TaskExecution, {column: new}, executions.c.id == id, executions.c[column] == old)


def by_id(conn: Connection, id: int, visibility: VisibilityScope = EVERYTHING) -> TaskExecution | None:
    if visibility.is_unrestricted:
        return BY_ID.find_first(conn, {"execution": id})
    return rows.find_first(conn, TaskExecution, executions.c.id == id, *visibility.restrict(executions.c.server_id))


def by_ids(conn: Connection, ids: Sequence[int], visibility: VisibilityScope = EVERYTHING) -> list[TaskExecution]:
    return rows.by_ids(conn, TaskExecution, ids, *visibility.restrict(executions.c.server_id))


def by_idempotency_key(conn: Connection, user_id: int, key: str) -> TaskExecution | None:
    return BY_KEY.find_first(conn, {"user": user_id, "key": key})


def list_latest_of_tasks(
    conn: Connection, task_ids: Sequence[int], visibility: VisibilityScope = EVERYTHING
) -> list[TaskExecution]:
    """Return the newest execution of each task that has one, by one index seek a task."""
    newest = select(func.max(executions.c.id)).where(executions.c.task_id == tasks.c.id).scalar_subquery()
    query = select(executions).where(executions.c.id.in_(select(newest).where(tasks.c.id.in_(task_ids))))
    return rows.load_all(conn, query.where(*visibility.restrict(executions.c.server_id)), TaskExecution)


def page(conn: Connection, filter: ExecutionFilter, window: Window, columns: Columns = None) -> list[TaskExecution]:
    """Return a page. With `columns`, its rows are `db.picked.PickedRow`s that have those, the id and the order.

    For a viewer with grants, and by tags, it is read server by server, so that other servers' rows cost nothing. By a
    part of the command it looks at SCANNED rows at most: `db.page.CutRows` if that is not enough.
    """
    planned = plan_page(conn, filter, window)
    if not planned.is_narrow:
        return _page_widely(conn, filter, window)
    if _is_scan(planned):
        return _scan(conn, filter, window)
    found = (
        picked_pages.page(conn, PICKED, planned, window, columns) if columns is not None and planned.has_shape else None
    )
    return pages.page(conn, TaskExecution, build_all_conditions(planned), window) if found is None else found


def _page_widely(conn: Connection, filter: ExecutionFilter, window: Window) -> list[TaskExecution]:
    if filter.command_contains is not None and window.order == "id":
        return _scan(conn, filter, window)
    among = Owners(executions.c.server_id, tags.select_servers(filter), build_visibility_conditions(filter))
    return pages.page_among(conn, TaskExecution, among, build_conditions(plan_by_owner(filter)), window)


def _is_scan(planned: ExecutionFilter) -> bool:
    rare = planned.plan is not None and planned.plan.rare is not None
    return planned.command_contains is not None and not rare and not planned.is_open_only


def _scan(conn: Connection, filter: ExecutionFilter, window: Window) -> list[TaskExecution]:
    among, matching = plan_scan(filter, window)
    return pages.page_within(conn, TaskExecution, among, build_all_conditions(matching), window, SCANNED)


def count(conn: Connection, filter: ExecutionFilter) -> int:
    if filter.is_narrow:
        return pages.count(conn, TaskExecution, build_all_conditions(filter))
    return pages.count(
        conn, TaskExecution, [*build_conditions(filter), executions.c.server_id.in_(tags.select_servers(filter))]
    )


def page_of_tasks(
    conn: Connection, task_ids: Sequence[int], filter: ExecutionFilter, window: Window
) -> dict[int, list[TaskExecution]]:
    return pages.page_each(
        conn,
        TaskExecution,
        executions.c.task_id,
        task_ids,
        build_all_conditions(plan_by_owner(filter)),
        window,
    )


def count_of_tasks(conn: Connection, task_ids: Sequence[int], filter: ExecutionFilter) -> dict[int, int]:
    return pages.count_each(
        conn,
        TaskExecution,
        executions.c.task_id,
        task_ids,
        build_all_conditions(filter),
    )


def estimate_pending(conn: Connection) -> int:
    """Return an upper bound: the number of ids from the first pending one to the newest. One index seek."""
    first = conn.execute(FIRST_WAITING).first()
    return 0 if first is None else compute_span(first.state, first.id, first.newest)


def compute_span(state: str | None, id: int | None, newest: int | None) -> int:
    """Return the number of ids from the first row of FIRST_WAITING to the newest; 0 if that row is not pending."""
    return 0 if state != State.PENDING or id is None or newest is None else newest - id + 1


def has_pending_at_least(
    conn: Connection, most: int, *, user_id: int | None = None, server_id: int | None = None
) -> bool:
    """Return whether at least `most` executions are pending: in all, of a user, or for a server.

    It counts rows, so call the cheap `estimate_pending` first. A user's rows are read server by server, as
    `ix_executions_pending` is ordered.
    """
    waiting = select(executions.c.id).where(executions.c.state == State.PENDING)
    if server_id is not None:
        waiting = waiting.where(executions.c.server_id == server_id)
    if user_id is not None:
        joined = servers.join(executions, executions.c.server_id == servers.c.id)
        waiting = waiting.select_from(joined).where(executions.c.created_by == user_id)
    found = waiting.limit(most).subquery()
    return int(conn.scalar(select(func.count()).select_from(found)) or 0) >= most


def list_crowded_servers(conn: Connection, most: int) -> list[int]:
    """Return the servers for which at least `most` executions are pending. It counts all pending rows."""
    waiting = select(executions.c.server_id).where(executions.c.state == State.PENDING)
    return list(conn.scalars(waiting.group_by(executions.c.server_id).having(func.count() >= most)))


def find_newest_id(conn: Connection) -> int:
    """Return the highest execution id; 0 if there is none."""
    return int(conn.scalar(select(func.max(executions.c.id))) or 0)


def load_statuses(conn: Connection, filter: ExecutionFilter, newest: int) -> dict[int, RunStatus]:
    """Return the status of matching executions that are open or above id `newest`, whatever their outcome will be."""
    found: dict[int, RunStatus] = {}
    standing = forget_outcome(filter)
    for part in (executions.c.state.in_(OPEN), executions.c.id > newest):
        # The limit keeps SQLite from applying the filter first and scanning the whole history of the server or task.
        few = select(*LIGHT).where(part).limit(MANY).subquery()
        among = [*build_conditions(standing, few.c), *build_visibility_conditions(filter, few.c)]
        for row in conn.execute(select(few.c.id, few.c.state, few.c.cancel_at).where(*among)):
            found[row.id] = (row.state, row.cancel_at is not None)
    return found


PICKED = picked_pages.PickedListing(executions, build_all_conditions)
