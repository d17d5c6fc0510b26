"""Queries on `users`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, not_, select

from db import page, rows
from db.models import User
from db.values import Role

users = rows.table_of(User)


def insert(conn: Connection, *, name: str, password_hash: str, role: Role, at: datetime) -> User:
    return rows.add(
        conn,
        User,
        {
            "name": name,
            "password_hash": password_hash,
            "role": role,
            "disabled": False,
            "token_version": 0,
            "created_at": at,
            "updated_at": at,
        },
    )


def by_id(conn: Connection, id: int) -> User | None:
    return rows.first(conn, User, users.c.id == id)


def by_name(conn: Connection, name: str) -> User | None:
    return rows.first(conn, User, users.c.name == name)


def by_ids(conn: Connection, ids: Sequence[int]) -> list[User]:
    return rows.by_ids(conn, User, ids)


def first_admin(conn: Connection) -> User | None:
    """The enabled admin with the lowest id."""
    query = select(users).where(users.c.role == Role.ADMIN, not_(users.c.disabled)).order_by(users.c.id).limit(1)
    return next(iter(rows.all_of(conn, query, User)), None)


def update(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    return rows.change(conn, User, values, users.c.id == id)


def end_sessions(conn: Connection, id: int) -> bool:
    """Every token that the user holds stops working."""
    return rows.change(conn, User, {"token_version": users.c.token_version + 1}, users.c.id == id)


def count(conn: Connection) -> int:
    return page.count(conn, User, [])
