"""Rows that other rows refer to, level by level, in the transaction that read those."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeAlias

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Table,
    Text,
    any_,
    bindparam,
    func,
    select,
)

from db import rows
from db.models import Server, Task, TaskExecution, User
from db.picked import Columns, PickedQuery, compile_query, list_columns
from db.visibility import EVERYTHING, VisibilityScope

users = rows.get_table(User)
servers = rows.get_table(Server)
tasks = rows.get_table(Task)
executions = rows.get_table(TaskExecution)

KINDS: dict[str, tuple[Table, Column[Any] | None]] = {
    "users": (users, None),
    "servers": (servers, servers.c.id),
    "tasks": (tasks, tasks.c.server_id),
    "executions": (executions, executions.c.server_id),
    "latest_executions": (executions, executions.c.server_id),
}
"""The table of each kind of row, and its column that says by which server it is visible; None if all see it.

All are found by their id, and deleted ones too, but `latest_executions`: the newest execution of a task by its id.
"""

FoundRows: TypeAlias = dict[str, dict[int, Any]]
"""The rows of each kind by the key that they were asked for with; None for a key that has none, or none visible."""


@dataclass(frozen=True, slots=True)
class Nested:
    """Rows of a kind to read along with others, and theirs. `get_key` gives the key in one of the others, or None."""

    kind: str
    get_key: Callable[[Any], int | None]
    columns: Columns
    nested: Sequence["Nested"] = ()


def load_nested(
    conn: Connection, above: Sequence[Any], wanted: Sequence[Nested], visibility: VisibilityScope
) -> FoundRows:
    """Return what rows refer to: one statement a kind and level. All of a kind must want the same columns."""
    found: FoundRows = {}
    level = [(above, each) for each in wanted]
    while level:
        keys: dict[str, dict[int | None, None]] = {}
        for sources, each in level:
            keys.setdefault(each.kind, {}).update(dict.fromkeys(map(each.get_key, sources)))
        columns = {each.kind: each.columns for _, each in level}
        for kind, asked in keys.items():
            known = found.setdefault(kind, {})
            if ids := [key for key in asked if key is not None and key not in known]:
                known.update(_load_kind(conn, kind, ids, columns[kind], visibility))
        level = [
            (below, inner)
            for sources, each in level
            if each.nested and (below := _find_below(found[each.kind], each, sources))
            for inner in each.nested
        ]
    return found


def _find_below(known: dict[int, Any], each: Nested, sources: Iterable[Any]) -> list[Any]:
    keys = dict.fromkeys(map(each.get_key, sources))
    return [row for key in keys if (row := known.get(key)) is not None]  # type: ignore[arg-type]


def _load_kind(
    conn: Connection, kind: str, ids: list[int], columns: Columns, visibility: VisibilityScope
) -> dict[int, Any]:
    asked = ids if conn.dialect.name == "postgresql" else orjson.dumps(ids).decode()
    query = _find_query(kind, columns, conn.dialect, visibility.is_unrestricted)
    read = query.read(conn, {"ids": asked, "viewer": visibility.user_id})
    get_key = attrgetter("task_id" if kind == "latest_executions" else "id")
    return {**dict.fromkeys(ids), **dict(zip(map(get_key, read), read, strict=True))}


@lru_cache(512)
def _find_query(kind: str, columns: Columns, dialect: Dialect, unrestricted: bool) -> PickedQuery:
    table, server_id = KINDS[kind]
    scope = EVERYTHING if unrestricted else VisibilityScope(bindparam("viewer", required=False, type_=BigInteger))  # type: ignore[arg-type]
    names = list_columns(table, columns, "id", *(["task_id"] if kind == "latest_executions" else []))
    among: ColumnElement[bool]
    if kind == "latest_executions":
        newest = select(func.max(table.c.id)).where(table.c.task_id == tasks.c.id).scalar_subquery()
        among = table.c.id.in_(select(newest).where(_match_ids(tasks.c.id, dialect)))
    else:
        among = _match_ids(table.c.id, dialect)
    query = select(*(table.c[name] for name in names)).where(among)
    return compile_query(query if server_id is None else query.where(*scope.restrict(server_id)), table, names, dialect)


def _match_ids(id: ColumnElement[int], dialect: Dialect) -> ColumnElement[bool]:
    """Match any number of ids by one parameter, so that one text is enough."""
    if dialect.name == "postgresql":
        return id == any_(bindparam("ids", required=False, type_=ARRAY(BigInteger)))
    listed = func.json_each(bindparam("ids", required=False, type_=Text)).table_valued("value")
    return id.in_(select(listed.c.value))
