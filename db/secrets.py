"""Queries on `secrets`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, or_, select

from db import page as pages
from db import rows
from db.page import Window
from db.secret_models import RegisteredSecret
from db.visibility import EVERYTHING, VisibilityScope

secrets = rows.get_table(RegisteredSecret)


@dataclass(frozen=True, slots=True)
class SecretFilter:
    """Conditions on secrets. With `server_id`: secrets that runs on this server may use.

    `visibility` hides the secrets of servers that it does not cover; secrets for every server are always visible.
    """

    server_id: int | None = None
    visibility: VisibilityScope = EVERYTHING


def insert(conn: Connection, values: Mapping[str, Any]) -> RegisteredSecret:
    return rows.add(conn, RegisteredSecret, values)


def by_id(conn: Connection, id: int) -> RegisteredSecret | None:
    return rows.find_first(conn, RegisteredSecret, secrets.c.id == id)


def find_visible(conn: Connection, id: int, visibility: VisibilityScope) -> RegisteredSecret | None:
    return rows.find_first(
        conn, RegisteredSecret, secrets.c.id == id, *_build_conditions(SecretFilter(visibility=visibility))
    )


def list_in_scope(conn: Connection, server_id: int) -> list[RegisteredSecret]:
    """Return the secrets that runs on this server may use, in order of ids."""
    query = select(secrets).where(_build_server_condition(server_id)).order_by(secrets.c.id)
    return rows.load_all(conn, query, RegisteredSecret)


def list_names_in_scope(conn: Connection, server_id: int | None, names: Sequence[str]) -> set[str]:
    """Return those of `names` that are names of secrets that runs on this server may use."""
    return set(
        conn.scalars(select(secrets.c.name).where(_build_server_condition(server_id), secrets.c.name.in_(names)))
    )


def list_scopes(conn: Connection, names: Sequence[str]) -> set[tuple[str, int | None]]:
    """Return the name and the server of each secret with one of these names; None for every server."""
    if not names:
        return set()
    query = select(secrets.c.name, secrets.c.server_id).where(secrets.c.name.in_(names))
    return {(name, server_id) for name, server_id in conn.execute(query)}


def update(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    return rows.change(conn, RegisteredSecret, values, secrets.c.id == id)


def remove(conn: Connection, id: int) -> bool:
    return conn.execute(delete(secrets).where(secrets.c.id == id)).rowcount == 1


def list_sealed_after(conn: Connection, id: int, limit: int) -> list[RegisteredSecret]:
    """Return up to `limit` secrets with an id above `id`, in order of ids."""
    query = select(secrets).where(secrets.c.id > id).order_by(secrets.c.id).limit(limit)
    return rows.load_all(conn, query, RegisteredSecret)


def replace_value(conn: Connection, id: int, old: bytes, new: bytes) -> bool:
    """Replace the sealed value. Return False if it is no longer `old`."""
    return rows.change(conn, RegisteredSecret, {"value": new}, secrets.c.id == id, secrets.c.value == old)


def page(conn: Connection, filter: SecretFilter, window: Window) -> list[RegisteredSecret]:
    return pages.page(conn, RegisteredSecret, _build_conditions(filter), window)


def count(conn: Connection, filter: SecretFilter) -> int:
    return pages.count(conn, RegisteredSecret, _build_conditions(filter))


def _build_conditions(filter: SecretFilter) -> list[ColumnElement[bool]]:
    found = [] if filter.server_id is None else [_build_server_condition(filter.server_id)]
    return found + [
        or_(secrets.c.server_id.is_(None), seen) for seen in filter.visibility.restrict(secrets.c.server_id)
    ]


def _build_server_condition(server_id: int | None) -> ColumnElement[bool]:
    return or_(secrets.c.server_id.is_(None), secrets.c.server_id == server_id)
