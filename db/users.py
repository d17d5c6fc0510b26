"""Queries on `users`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, bindparam, not_, select

from db import page as pages
from db import rows
from db.models import User
from db.page import Window
from db.values import Role

users = rows.get_table(User)
BY_ID = select(users).where(users.c.id == bindparam("user"))


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Conditions on users; None means no condition."""

    role: str | None = None
    disabled: bool | None = None


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
    return cast("User | None", conn.execute(BY_ID, {"user": id}).first())


def by_name(conn: Connection, name: str) -> User | None:
    return rows.find_first(conn, User, users.c.name == name)


def by_ids(conn: Connection, ids: Sequence[int]) -> list[User]:
    return rows.by_ids(conn, User, ids)


def list_all(conn: Connection) -> list[User]:
    """Return all users in order of ids."""
    return rows.load_all(conn, select(users).order_by(users.c.id), User)


def lock_admins(conn: Connection) -> list[int]:
    """Lock the enabled admins until the transaction ends, so that none loses the role meanwhile. Return their ids."""
    query = select(users.c.id).where(users.c.role == Role.ADMIN, not_(users.c.disabled)).order_by(users.c.id)
    return list(conn.scalars(query.with_for_update()))


def update(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    return rows.change(conn, User, values, users.c.id == id)


def revoke_tokens(conn: Connection, id: int) -> bool:
    """Revoke every token of the user."""
    return rows.change(conn, User, {"token_version": users.c.token_version + 1}, users.c.id == id)


def count(conn: Connection) -> int:
    return pages.count(conn, User, [])


def page(conn: Connection, filter: UserFilter, window: Window) -> list[User]:
    return pages.page(conn, User, _build_conditions(filter), window)


def count_matching(conn: Connection, filter: UserFilter) -> int:
    return pages.count(conn, User, _build_conditions(filter))


def _build_conditions(filter: UserFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filter.role is not None:
        found.append(users.c.role == filter.role)
    if filter.disabled is not None:
        found.append(users.c.disabled.is_(filter.disabled))
    return found
