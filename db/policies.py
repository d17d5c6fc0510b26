"""Queries on `policy_versions`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select

from db import page as pages
from db import rows
from db.page import Window
from db.policy_models import PolicyVersion

versions = rows.get_table(PolicyVersion)
# Built once, because it runs before every execution.
OWNED = or_(
    versions.c.server_id.in_(bindparam("servers", expanding=True)),
    versions.c.task_id.in_(bindparam("tasks", expanding=True)),
)
NEWEST = select(func.max(versions.c.id)).where(OWNED).group_by(versions.c.server_id, versions.c.task_id)
CURRENT = select(versions).where(versions.c.id.in_(NEWEST))


@dataclass(frozen=True, slots=True)
class PolicyFilter:
    """Conditions on policy versions; None means no condition."""

    server_id: int | None = None
    task_id: int | None = None


def insert(conn: Connection, values: Mapping[str, Any]) -> PolicyVersion:
    return rows.add(conn, PolicyVersion, values)


def list_current(conn: Connection, server_ids: Sequence[int], task_ids: Sequence[int]) -> list[PolicyVersion]:
    """Return the newest version of each of these servers and tasks that has one."""
    found = conn.execute(CURRENT, {"servers": list(server_ids), "tasks": list(task_ids)})
    return cast("list[PolicyVersion]", list(found.all()))


def by_ids(conn: Connection, ids: Sequence[int]) -> list[PolicyVersion]:
    return rows.by_ids(conn, PolicyVersion, ids)


def page(conn: Connection, filter: PolicyFilter, window: Window) -> list[PolicyVersion]:
    return pages.page(conn, PolicyVersion, _build_conditions(filter), window)


def count(conn: Connection, filter: PolicyFilter) -> int:
    return pages.count(conn, PolicyVersion, _build_conditions(filter))


def _build_conditions(filter: PolicyFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filter.server_id is not None:
        found.append(versions.c.server_id == filter.server_id)
    if filter.task_id is not None:
        found.append(versions.c.task_id == filter.task_id)
    return found
