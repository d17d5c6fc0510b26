"""Queries on `servers`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy import delete as deletion
from sqlalchemy import insert as insertion

from db import names, rows
from db import page as pages
from db.access_models import ServerTag
from db.models import Server
from db.page import Window
from db.sight import EVERYTHING, Sight

servers = rows.table_of(Server)
server_tags = rows.table_of(ServerTag)
KEPT = servers.c.deleted_at.is_(None)


@dataclass(frozen=True, slots=True)
class ServerFilter:
    """None: any. `tag` is matched whole, `name_contains` in any case. Only what `sight` shows."""

    name_contains: str | None = None
    enabled: bool | None = None
    tag: str | None = None
    sight: Sight = EVERYTHING


def insert(conn: Connection, values: Mapping[str, Any]) -> Server:
    row = rows.add(conn, Server, names.searchable(values))
    index_tags(conn, row.id, row.tags)
    return row


def index_tags(conn: Connection, id: int, tags: Sequence[str]) -> None:
    """Keep a server's tags where they are searched."""
    conn.execute(deletion(server_tags).where(server_tags.c.server_id == id))
    if tags:
        conn.execute(insertion(server_tags), [{"server_id": id, "tag": tag} for tag in dict.fromkeys(tags)])


def by_id(conn: Connection, id: int, sight: Sight = EVERYTHING) -> Server | None:
    return rows.first(conn, Server, servers.c.id == id, KEPT, *sight.of(servers.c.id))


def locked(conn: Connection, id: int) -> Server | None:
    """The same, held until the transaction ends."""
    query = select(servers).where(servers.c.id == id, KEPT).with_for_update(key_share=True)
    return next(iter(rows.all_of(conn, query, Server)), None)


def by_ids(conn: Connection, ids: Sequence[int], sight: Sight = EVERYTHING) -> list[Server]:
    """Deleted ones too, so that history keeps their names."""
    return rows.by_ids(conn, Server, ids, *sight.of(servers.c.id))


def at(conn: Connection, host: str, port: int) -> list[Server]:
    """Those at this address, whatever the case of the host's name."""
    query = select(servers).where(func.lower(servers.c.host) == host.lower(), servers.c.port == port, KEPT)
    return rows.all_of(conn, query.order_by(servers.c.id), Server)


def by_name(conn: Connection, name: str) -> Server | None:
    return rows.first(conn, Server, servers.c.name == name, KEPT)


def update(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    found = rows.change(conn, Server, names.searchable(values), servers.c.id == id, KEPT)
    if found and "tags" in values:
        index_tags(conn, id, values["tags"])
    return found


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
        found.append(servers.c.id.in_(select(server_tags.c.server_id).where(server_tags.c.tag == filter.tag)))
    if not filter.sight.whole:
        found.append(servers.c.id.in_(filter.sight.servers()))
    return found
