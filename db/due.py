"""The scheduler's queries on `tasks`: which tasks are due, and when the next one is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, not_, select, text, update

from db import jumps, rows
from db.models import Server, Task

tasks = rows.get_table(Task)
servers = rows.get_table(Server)
# Worded exactly as in `ix_tasks_due`: SQLite uses a partial index only then.
SCHEDULED = (text("tasks.enabled"), tasks.c.deleted_at.is_(None), tasks.c.next_run.is_not(None))
LEAST_LATE = 20


def lock_due(conn: Connection, now: datetime, limit: int, *, late: datetime) -> list[Task]:
    """Lock and return about `limit` enabled tasks that are due, except those that another scheduler has locked.

    Tasks that became due after `late` come first, so that a long backlog of some tasks does not delay the others.
    """
    fresh = _lock_scheduled(conn, limit, tasks.c.next_run > late, tasks.c.next_run <= now)
    return fresh + _lock_scheduled(conn, max(LEAST_LATE, limit - len(fresh)), tasks.c.next_run <= late)


def _lock_scheduled(conn: Connection, limit: int, *where: ColumnElement[bool]) -> list[Task]:
    query = select(tasks).where(*SCHEDULED, *where).order_by(tasks.c.next_run).limit(limit)
    return rows.load_all(conn, query.with_for_update(skip_locked=True), Task)


def lock_available(conn: Connection, ids: Sequence[int]) -> list[Task]:
    """Lock these tasks until the transaction ends and return them; skip those locked by another one."""
    query = select(tasks).where(tasks.c.id.in_(ids)).order_by(tasks.c.id).with_for_update(skip_locked=True)
    return rows.load_all(conn, query, Task) if ids else []


def standing(conn: Connection, id: int) -> bool | None:
    """Return whether the task is enabled; None if it is deleted."""
    found: bool | None = conn.scalar(select(tasks.c.enabled).where(tasks.c.id == id, tasks.c.deleted_at.is_(None)))
    return found


def find_next_due(conn: Connection) -> datetime | None:
    query = select(tasks.c.next_run).where(*SCHEDULED).order_by(tasks.c.next_run).limit(1)
    found: datetime | None = conn.scalar(query)
    return found


def advance(conn: Connection, runs: Sequence[Mapping[str, Any]]) -> None:
    """Write each task's `next_run` and `last_run`. Each of `runs` holds `task` (the id), `next` and `last`."""
    if runs:
        moved = update(tasks).where(tasks.c.id == bindparam("task"))
        conn.execute(moved.values(next_run=bindparam("next"), last_run=bindparam("last")), list(runs))


def list_usable_servers(conn: Connection, server_ids: Sequence[int | None]) -> set[int]:
    """Return the ids of those servers that are neither deleted nor disabled, and no jump server on the way is."""
    query = select(servers.c.id).where(servers.c.id.in_(set(server_ids) - {None}), servers.c.deleted_at.is_(None))
    return set(conn.scalars(query.where(servers.c.enabled, not_(jumps.build_cut_off(servers)))))


def load_blackouts(conn: Connection, server_ids: Sequence[int | None]) -> dict[int | None, list[dict[str, Any]]]:
    """Return the blackout windows by server id; servers without any are left out."""
    query = select(servers.c.id, servers.c.blackouts).where(servers.c.id.in_(set(server_ids) - {None}))
    return {row.id: row.blackouts for row in conn.execute(query) if row.blackouts}
