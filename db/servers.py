"""Queries on `servers`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, bindparam, func, select
from sqlalchemy import delete as deletion
from sqlalchemy import insert as insertion

from db import names, rows, tags
from db import page as pages
from db.access_models import ServerTag
from db.models import Server
from db.page import Window
from db.visibility import EVERYTHING, VisibilityScope

servers = rows.get_table(Server)
server_tags = rows.get_table(ServerTag)
NOT_DELETED = servers.c.deleted_at.is_(None)
BY_ID = select(servers).where(servers.c.id == bindparam("server"), NOT_DELETED)


@dataclass(frozen=True, slots=True)
class ServerFilter:
    """Conditions on servers; None means no condition. `name` and tags must match exactly, `name_contains`
    in any case.

    `visibility` limits the result to servers that it covers.
    """

    name: str | None = None
    name_contains: str | None = None
    enabled: bool | None = None
    tag: str | None = None
    tags_all: tuple[str, ...] | None = None
    tags_any: tuple[str, ...] | None = None
    tags_none: tuple[str, ...] | None = None
    visibility: VisibilityScope = EVERYTHING


def insert(conn: Connection, values: Mapping[str, Any]) -> Server:
    row = rows.add(conn, Server, names.add_folded_name(values))
    _index_tags(conn, row.id, row.tags)
    return row


def _index_tags(conn: Connection, id: int, words: Sequence[str]) -> None:
    """Replace the server's rows in `server_tags`, the index for searches by tag."""
    conn.execute(deletion(server_tags).where(server_tags.c.server_id == id))
    if words:
        conn.execute(insertion(server_tags), [{"server_id": id, "tag": tag} for tag in dict.fromkeys(words)])


def by_id(conn: Connection, id: int, visibility: VisibilityScope = EVERYTHING) -> Server | None:
    if visibility.is_unrestricted:
        return cast("Server | None", conn.execute(BY_ID, {"server": id}).first())
    return rows.find_first(conn, Server, servers.c.id == id, NOT_DELETED, *visibility.restrict(servers.c.id))


def lock_by_id(conn: Connection, id: int) -> Server | None:
    """Return the server, locked until the transaction ends."""
    query = select(servers).where(servers.c.id == id, NOT_DELETED).with_for_update(key_share=True)
    return next(iter(rows.load_all(conn, query, Server)), None)


def by_ids(conn: Connection, ids: Sequence[int], visibility: VisibilityScope = EVERYTHING) -> list[Server]:
    """Return servers, including deleted ones, so that the history can show their names."""
    return rows.by_ids(conn, Server, ids, *visibility.restrict(servers.c.id))


def by_address(conn: Connection, host: str, port: int, jump_server_id: int | None = None) -> list[Server]:
    """Return the servers at this address behind this jump server, ignoring the case of the host."""
    query = select(servers).where(func.lower(servers.c.host) == host.lower(), servers.c.port == port, NOT_DELETED)
    query = query.where(servers.c.jump_server_id.is_not_distinct_from(jump_server_id))
    return rows.load_all(conn, query.order_by(servers.c.id), Server)


def by_name(conn: Connection, name: str) -> Server | None:
    return rows.find_first(conn, Server, servers.c.name == name, NOT_DELETED)


def update(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    found = rows.change(conn, Server, names.add_folded_name(values), servers.c.id == id, NOT_DELETED)
    if found and "tags" in values:
        _index_tags(conn, id, values["tags"])
    return found


def delete(conn: Connection, id: int, at: datetime) -> bool:
    return update(conn, id, {"deleted_at": at, "updated_at": at})


def page(conn: Connection, filter: ServerFilter, window: Window) -> list[Server]:
    return pages.page(conn, Server, _build_conditions(filter), window)


def count(conn: Connection, filter: ServerFilter) -> int:
    return pages.count(conn, Server, _build_conditions(filter))


def list_sealed_after(conn: Connection, id: int, limit: int) -> list[Server]:
    """Return up to `limit` servers with an id above `id`, including deleted ones, for a rotation of the master key."""
    return rows.load_all(conn, select(servers).where(servers.c.id > id).order_by(servers.c.id).limit(limit), Server)


def replace_credential(conn: Connection, id: int, old: bytes, new: bytes) -> bool:
    """Replace the sealed credential. Return False if it is no longer `old`."""
    return rows.change(conn, Server, {"credential": new}, servers.c.id == id, servers.c.credential == old)


def _build_conditions(filter: ServerFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [NOT_DELETED]
    if filter.name is not None:
        found.append(servers.c.name == filter.name)
    if filter.name_contains is not None:
        found.append(names.match_substring(servers.c.name_folded, filter.name_contains))
    if filter.enabled is not None:
        found.append(servers.c.enabled.is_(filter.enabled))
    if filter.tag is not None:
        found.append(servers.c.id.in_(select(server_tags.c.server_id).where(server_tags.c.tag == filter.tag)))
    found += tags.match_servers(filter, servers.c.id)
    if not filter.visibility.is_unrestricted:
        found.append(servers.c.id.in_(filter.visibility.select_servers()))
    return found
