"""Queries on `tasks`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, not_, select
from sqlalchemy import update as changing

from db import names, rows, tags
from db import page as pages
from db.models import Task
from db.page import Owners, Window
from db.schedule_mode import ScheduleMode
from db.visibility import EVERYTHING, VisibilityScope

tasks = rows.get_table(Task)
NOT_DELETED = tasks.c.deleted_at.is_(None)
STARTS = and_(tasks.c.enabled, tasks.c.schedule_mode == ScheduleMode.ACTIVE)
BY_ID = select(tasks).where(tasks.c.id == bindparam("task"), NOT_DELETED)
NOTE_RUN = changing(tasks).where(tasks.c.id == bindparam("task"), NOT_DELETED).values(last_run=bindparam("at"))


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Conditions on tasks; None means no condition. The range of last runs includes both ends. Tags are the server's.

    `fleet`: whether they are fleet tasks. `starts`: whether their schedules start runs, that is, they are enabled and
    not in shadow.
    `visibility` limits the result to servers that it covers.
    """

    server_id: int | None = None
    enabled: bool | None = None
    schedule_mode: str | None = None
    starts: bool | None = None
    name: str | None = None
    name_contains: str | None = None
    last_run_from: datetime | None = None
    last_run_to: datetime | None = None
    created_by: int | None = None
    fleet: bool | None = None
    tags_all: tuple[str, ...] | None = None
    tags_any: tuple[str, ...] | None = None
    tags_none: tuple[str, ...] | None = None
    visibility: VisibilityScope = EVERYTHING


def insert(conn: Connection, values: Mapping[str, Any]) -> Task:
    return rows.add(conn, Task, names.add_folded_name(values))


def by_id(conn: Connection, id: int, visibility: VisibilityScope = EVERYTHING) -> Task | None:
    if visibility.is_unrestricted:
        return cast("Task | None", conn.execute(BY_ID, {"task": id}).first())
    return rows.find_first(conn, Task, tasks.c.id == id, NOT_DELETED, *visibility.restrict(tasks.c.server_id))


def user_has_at_least(conn: Connection, user_id: int, most: int) -> bool:
    """Return whether the user has `most` tasks that are not deleted. Counts only if there are that many ids at all."""
    if (conn.scalar(select(func.max(tasks.c.id))) or 0) < most:
        return False
    found = select(tasks.c.id).where(tasks.c.created_by == user_id, NOT_DELETED).limit(most).subquery()
    return int(conn.scalar(select(func.count()).select_from(found)) or 0) >= most


def lock_by_id(conn: Connection, id: int) -> Task | None:
    """Return the task, locked until the transaction ends."""
    query = select(tasks).where(tasks.c.id == id, NOT_DELETED).with_for_update()
    return next(iter(rows.load_all(conn, query, Task)), None)


def by_ids(conn: Connection, ids: Sequence[int], visibility: VisibilityScope = EVERYTHING) -> list[Task]:
    """Return tasks, including deleted ones, so that the history can show their names."""
    return rows.by_ids(conn, Task, ids, *visibility.restrict(tasks.c.server_id))


def note_run(conn: Connection, id: int, at: datetime) -> None:
    """Store the time of the task's last run."""
    conn.execute(NOTE_RUN, {"task": id, "at": at})


def update(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    return rows.change(conn, Task, names.add_folded_name(values), tasks.c.id == id, NOT_DELETED)


def delete(conn: Connection, id: int, at: datetime) -> bool:
    return update(conn, id, {"deleted_at": at, "updated_at": at, "next_run": None})


def list_sealed_after(conn: Connection, id: int, limit: int) -> list[Task]:
    """Return up to `limit` tasks above `id` that hold sealed values, including deleted ones, in order of ids."""
    query = select(tasks).where(tasks.c.id > id, tasks.c.sealed_env != {}).order_by(tasks.c.id).limit(limit)
    return rows.load_all(conn, query, Task)


def replace_sealed(conn: Connection, id: int, old: dict[str, str], new: dict[str, str]) -> bool:
    """Replace the sealed values. Return False if they are no longer `old`."""
    return rows.change(conn, Task, {"sealed_env": new}, tasks.c.id == id, tasks.c.sealed_env == old)


def page(conn: Connection, filter: TaskFilter, window: Window) -> list[Task]:
    """Return a page. For a viewer with grants, and by tags, it is read server by server: other servers cost nothing."""
    if _is_narrow(filter):
        return pages.page(conn, Task, [*_build_conditions(filter), *_build_visibility_conditions(filter)], window)
    among = Owners(tasks.c.server_id, tags.select_servers(filter), _build_visibility_conditions(filter))
    return pages.page_among(conn, Task, among, _build_conditions(filter), window)


def count(conn: Connection, filter: TaskFilter) -> int:
    if _is_narrow(filter):
        return pages.count(conn, Task, [*_build_conditions(filter), *_build_visibility_conditions(filter)])
    return pages.count(conn, Task, [*_build_conditions(filter), tasks.c.server_id.in_(tags.select_servers(filter))])


def page_of_servers(
    conn: Connection, server_ids: Sequence[int], filter: TaskFilter, window: Window
) -> dict[int, list[Task]]:
    return pages.page_each(
        conn,
        Task,
        tasks.c.server_id,
        server_ids,
        [*_build_conditions(filter), *_build_visibility_conditions(filter)],
        window,
    )


def count_of_servers(conn: Connection, server_ids: Sequence[int], filter: TaskFilter) -> dict[int, int]:
    return pages.count_each(
        conn, Task, tasks.c.server_id, server_ids, [*_build_conditions(filter), *_build_visibility_conditions(filter)]
    )


def _is_narrow(filter: TaskFilter) -> bool:
    """Return whether one query is enough, without going server by server."""
    if filter.server_id is not None or filter.name is not None:
        return True
    return filter.visibility.is_unrestricted and not tags.has_tags(filter)


def _build_visibility_conditions(filter: TaskFilter) -> list[ColumnElement[bool]]:
    return [*filter.visibility.restrict(tasks.c.server_id), *tags.restrict_row(filter, tasks.c.server_id)]


def _build_conditions(filter: TaskFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [NOT_DELETED]
    if filter.server_id is not None:
        found.append(tasks.c.server_id == filter.server_id)
    if filter.enabled is not None:
        found.append(tasks.c.enabled.is_(filter.enabled))
    if filter.schedule_mode is not None:
        found.append(tasks.c.schedule_mode == filter.schedule_mode)
    if filter.starts is not None:
        found.append(STARTS if filter.starts else not_(STARTS))
    if filter.name is not None:
        found.append(tasks.c.name == filter.name)
    if filter.name_contains is not None:
        found.append(names.match_substring(tasks.c.name_folded, filter.name_contains))
    if filter.last_run_from is not None:
        found.append(tasks.c.last_run >= filter.last_run_from)
    if filter.last_run_to is not None:
        found.append(tasks.c.last_run <= filter.last_run_to)
    if filter.created_by is not None:
        found.append(tasks.c.created_by == filter.created_by)
    if filter.fleet is not None:
        found.append(tasks.c.selector.is_not(None) if filter.fleet else tasks.c.selector.is_(None))
    return found
