"""Queries on `personal_tokens`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from db import page, rows
from db.access_models import PersonalToken

tokens = rows.get_table(PersonalToken)
NOT_REVOKED = tokens.c.revoked_at.is_(None)


def insert(conn: Connection, values: Mapping[str, Any]) -> PersonalToken:
    return rows.add(conn, PersonalToken, values)


def by_hash(conn: Connection, hash: str) -> PersonalToken | None:
    return rows.find_first(conn, PersonalToken, tokens.c.hash == hash, NOT_REVOKED)


def by_id(conn: Connection, id: int, user_id: int) -> PersonalToken | None:
    """Return a token of this user; None if it is revoked."""
    return rows.find_first(conn, PersonalToken, tokens.c.id == id, tokens.c.user_id == user_id, NOT_REVOKED)


def by_user(conn: Connection, user_id: int) -> list[PersonalToken]:
    """Return the user's tokens that are not revoked, the newest first."""
    query = select(tokens).where(tokens.c.user_id == user_id, NOT_REVOKED).order_by(tokens.c.id.desc())
    return rows.load_all(conn, query, PersonalToken)


def count(conn: Connection, user_id: int) -> int:
    return page.count(conn, PersonalToken, [tokens.c.user_id == user_id, NOT_REVOKED])


def revoke(conn: Connection, id: int, user_id: int, at: datetime) -> bool:
    """Revoke a token of this user. Return False if there is none, or it is revoked already."""
    return rows.change(
        conn, PersonalToken, {"revoked_at": at}, tokens.c.id == id, tokens.c.user_id == user_id, NOT_REVOKED
    )
