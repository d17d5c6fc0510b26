"""Queries on `task_executions`: reads, and inserting the pending row. Changes of state are in `db.transitions`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from db import page as pages
from db import rows
from db.models import Server, Task, TaskExecution
from db.page import Owners, Window
from db.values import State, Trigger
from db.visibility import EVERYTHING, VisibilityScope

executions = rows.get_table(TaskExecution)
tasks = rows.get_table(Task)
servers = rows.get_table(Server)
OPEN = (State.PENDING, State.RUNNING)
KEY = ("created_by", "idempotency_key")
LIGHT = [
    executions.c[name]
    for name in ("id", "state", "cancel_at", "created_at", "created_by", "server_id", "task_id", "trigger", "findings")
]
MANY = 10_000_000
FORGOTTEN = {"sealed_env": None, "sealed_run": None}
"""Values that clear the sealed columns of an execution that has ended."""
DEFAULTS: dict[str, Any] = {"state": State.PENDING, "attempt": 1, "fence": 0}

# Insert statements, built once: building one takes longer than running it.
ONCE = {
    name: dialect.insert(executions).on_conflict_do_nothing(index_elements=KEY).returning(*executions.c)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
PLACE = (executions.c.state, executions.c.id)
# The first row in the order of (state, id), and not the lowest id of that state: for that, PostgreSQL may scan all the
# history, since pending rows are at its end.
FIRST_WAITING = (
    select(*PLACE, select(func.max(executions.c.id)).scalar_subquery().label("newest"))
    .where(tuple_(*PLACE) >= (State.PENDING, 0))
    .order_by(*PLACE)
    .limit(1)
)

BY_ID = select(executions).where(executions.c.id == bindparam("execution"))
BY_KEY = select(executions).where(
    executions.c.created_by == bindparam("user"), executions.c.idempotency_key == bindparam("key")
)

RunStatus = tuple[str, bool]
"""The state, and whether a cancellation was requested."""


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Conditions on executions; None means no condition. The range of creation times includes both ends.

    `visibility` limits the result to servers that it covers; with `task_id`, to tasks that it covers.
    """

    states: tuple[str, ...] | None = None
    server_id: int | None = None
    task_id: int | None = None
    trigger: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    created_by: int | None = None
    has_findings: bool | None = None
    visibility: VisibilityScope = EVERYTHING


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
        "working_dir": task.working_dir,
        "timeout_seconds": task.timeout_seconds,
        "output_limit": task.output_limit,
        "mode": task.run_mode,
    }


def build_pending(wanted: Mapping[str, Any], *, trigger: Trigger, at: datetime, user_id: int) -> dict[str, Any]:
    """Return the columns of a pending row. `wanted` holds what to run; the run acts for the user `user_id`."""
    return DEFAULTS | dict(wanted) | {"trigger": trigger, "created_at": at, "created_by": user_id}


def insert(conn: Connection, values: Mapping[str, Any]) -> TaskExecution:
    return rows.add(conn, TaskExecution, DEFAULTS | dict(values))


def insert_once(conn: Connection, values: Mapping[str, Any]) -> TaskExecution | None:
    """Insert a row; None if the user has an execution under this idempotency key, even a very recent one."""
    made = conn.execute(ONCE[conn.dialect.name], DEFAULTS | dict(values)).first()
    return cast("TaskExecution | None", made)


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
        return cast("TaskExecution | None", conn.execute(BY_ID, {"execution": id}).first())
    return rows.find_first(conn, TaskExecution, executions.c.id == id, *visibility.restrict(executions.c.server_id))


def by_ids(conn: Connection, ids: Sequence[int], visibility: VisibilityScope = EVERYTHING) -> list[TaskExecution]:
    return rows.by_ids(conn, TaskExecution, ids, *visibility.restrict(executions.c.server_id))


def by_idempotency_key(conn: Connection, user_id: int, key: str) -> TaskExecution | None:
    return cast("TaskExecution | None", conn.execute(BY_KEY, {"user": user_id, "key": key}).first())


def list_latest_of_tasks(
    conn: Connection, task_ids: Sequence[int], visibility: VisibilityScope = EVERYTHING
) -> list[TaskExecution]:
    """Return the newest execution of each task that has one, by one index seek a task."""
    newest = select(func.max(executions.c.id)).where(executions.c.task_id == tasks.c.id).scalar_subquery()
    query = select(executions).where(executions.c.id.in_(select(newest).where(tasks.c.id.in_(task_ids))))
    return rows.load_all(conn, query.where(*visibility.restrict(executions.c.server_id)), TaskExecution)


def page(conn: Connection, filter: ExecutionFilter, window: Window) -> list[TaskExecution]:
    """Return a page. For a viewer with grants it is read server by server, so that other servers' rows cost nothing."""
    if _is_narrow(filter):
        return pages.page(
            conn, TaskExecution, [*_build_conditions(filter), *_build_visibility_conditions(filter)], window
        )
    among = Owners(executions.c.server_id, filter.visibility.select_servers(), _build_visibility_conditions(filter))
    return pages.page_among(conn, TaskExecution, among, _build_conditions(filter), window)


def count(conn: Connection, filter: ExecutionFilter) -> int:
    if _is_narrow(filter):
        return pages.count(conn, TaskExecution, [*_build_conditions(filter), *_build_visibility_conditions(filter)])
    return pages.count(
        conn,
        TaskExecution,
        [*_build_conditions(filter), executions.c.server_id.in_(filter.visibility.select_servers())],
    )


def _is_narrow(filter: ExecutionFilter) -> bool:
    """Return whether one query is enough, without going server by server."""
    owned = filter.server_id is not None or filter.task_id is not None
    return filter.visibility.is_unrestricted or owned or _is_open_only(filter)


def _is_open_only(filter: ExecutionFilter) -> bool:
    """Return whether only executions match that have not ended: few, whatever the history."""
    return filter.states is not None and all(state in OPEN for state in filter.states)


def _build_visibility_conditions(filter: ExecutionFilter, columns: Any = executions.c) -> list[ColumnElement[bool]]:
    """Limit rows to visible servers. With `task_id`, the task is checked once, not with each execution."""
    found = filter.visibility.restrict(columns.server_id)
    if found and filter.task_id is not None:
        task = select(tasks.c.id).where(tasks.c.id == filter.task_id, *filter.visibility.restrict(tasks.c.server_id))
        found.append(columns.task_id == task.scalar_subquery())
    return found


def page_of_tasks(
    conn: Connection, task_ids: Sequence[int], filter: ExecutionFilter, window: Window
) -> dict[int, list[TaskExecution]]:
    return pages.page_each(
        conn,
        TaskExecution,
        executions.c.task_id,
        task_ids,
        [*_build_conditions(filter), *_build_visibility_conditions(filter)],
        window,
    )


def count_of_tasks(conn: Connection, task_ids: Sequence[int], filter: ExecutionFilter) -> dict[int, int]:
    return pages.count_each(
        conn,
        TaskExecution,
        executions.c.task_id,
        task_ids,
        [*_build_conditions(filter), *_build_visibility_conditions(filter)],
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


def find_newest_id(conn: Connection) -> int:
    """Return the highest execution id; 0 if there is none."""
    return int(conn.scalar(select(func.max(executions.c.id))) or 0)


def load_statuses(conn: Connection, filter: ExecutionFilter, newest: int) -> dict[int, RunStatus]:
    """Return the status of matching executions that are open or above id `newest`; ignores `filter.states`."""
    found: dict[int, RunStatus] = {}
    for part in (executions.c.state.in_(OPEN), executions.c.id > newest):
        # The limit keeps SQLite from applying the filter first and scanning the whole history of the server or task.
        few = select(*LIGHT).where(part).limit(MANY).subquery()
        among = [*_build_conditions(replace(filter, states=None), few.c), *_build_visibility_conditions(filter, few.c)]
        for row in conn.execute(select(few.c.id, few.c.state, few.c.cancel_at).where(*among)):
            found[row.id] = (row.state, row.cancel_at is not None)
    return found


def _build_conditions(filter: ExecutionFilter, columns: Any = executions.c) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filter.states is not None:
        found.append(columns.state.in_(filter.states))
    for name in ("server_id", "task_id", "trigger", "created_by"):
        value, column = getattr(filter, name), columns[name]
        if value is not None:
            # For open executions written so that no index of the column matches: it would read all the history of, say,
            # a server, where the index of the state has the few rows.
            found.append((column + ("" if name == "trigger" else 0) if _is_open_only(filter) else column) == value)
    if filter.has_findings is not None:
        found.append(columns.findings.is_not(None) if filter.has_findings else columns.findings.is_(None))
    if filter.created_from is not None:
        found.append(columns.created_at >= filter.created_from)
    if filter.created_to is not None:
        found.append(columns.created_at <= filter.created_to)
    return found
