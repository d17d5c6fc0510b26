"""Queries on `servers`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from db import names, rows
from db import page as pages
from db.models import Server
from db.page import Window

servers = rows.table_of(Server)
KEPT = servers.c.deleted_at.is_(None)


@dataclass(frozen=True, slots=True)
class ServerFilter:
    """None: any. `tag` is matched whole, `name_contains` in any case."""

    name_contains: str | None = None
    enabled: bool | None = None
    tag: str | None = None


def insert(conn: Connection, values: Mapping[str, Any]) -> Server:
    return rows.add(conn, Server, names.searchable(values))


def by_id(conn: Connection, id: int) -> Server | None:
    return rows.first(conn, Server, servers.c.id == id, KEPT)


def locked(conn: Connection, id: int) -> Server | None:
    """The same, held until the transaction ends."""
    query = select(servers).where(servers.c.id == id, KEPT).with_for_update(key_share=True)
    return next(iter(rows.all_of(conn, query, Server)), None)


def by_ids(conn: Connection, ids: Sequence[int]) -> list[Server]:
    """Deleted ones too, so that history keeps their names."""
    return rows.by_ids(conn, Server, ids)


def by_name(conn: Connection, name: str) -> Server | None:
    return rows.first(conn, Server, servers.c.name == name, KEPT)


def update(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    return rows.change(conn, Server, names.searchable(values), servers.c.id == id, KEPT)


def delete(conn: Connection, id: int, at: datetime) -> bool:
    return update(conn, id, {"deleted_at": at, "updated_at": at})


def page(conn: Connection, filter: ServerFilter, window: Window) -> list[Server]:
    return pages.page(conn, Server, conditions(filter), window)


def count(conn: Connection, filter: ServerFilter) -> int:
    return pages.count(conn, Server, conditions(filter))


def sealed_after(conn: Connection, id: int, limit: int) -> list[Server]:
    """Servers beyond `id` in order, deleted ones too: what a rotation of the master key goes over."""
    return rows.all_of(conn, select(servers).where(servers.c.id > id).order_by(servers.c.id).limit(limit), Server)


def replace_credential(conn: Connection, id: int, old: bytes, new: bytes) -> bool:
    """False when the credential is another one by now."""
    return rows.change(conn, Server, {"credential": new}, servers.c.id == id, servers.c.credential == old)


def conditions(filter: ServerFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [KEPT]
    if filter.name_contains is not None:
        found.append(names.contains(servers.c.name_folded, filter.name_contains))
    if filter.enabled is not None:
        found.append(servers.c.enabled.is_(filter.enabled))
    if filter.tag is not None:
        found.append(names.lists(servers.c.tags, filter.tag))
    return found
