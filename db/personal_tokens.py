"""Queries on `personal_tokens`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, not_, select

from db import page, rows
from db.access_models import PersonalToken
from db.models import User
from db.values import Role, TokenScope

tokens = rows.get_table(PersonalToken)
users = rows.get_table(User)
NOT_REVOKED = tokens.c.revoked_at.is_(None)
HOLDER = (
    select(tokens.c.id.label("token_id"), tokens.c.scope, tokens.c.expires_at, users)
    .select_from(tokens.join(users, users.c.id == tokens.c.user_id))
    .where(tokens.c.hash == bindparam("hash"), NOT_REVOKED, not_(users.c.disabled))
)


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """The enabled user of a token that is not revoked. It may have expired: see `expires_at`."""

    token_id: int
    scope: TokenScope
    expires_at: datetime
    user_id: int
    user_name: str
    user_role: Role
    token_version: int


def insert(conn: Connection, values: Mapping[str, Any]) -> PersonalToken:
    return rows.add(conn, PersonalToken, values)


def find_holder(conn: Connection, hash: str) -> TokenHolder | None:
    """Return who holds the token of this hash; None if it is unknown or revoked, or its user is disabled."""
    row: Any = conn.execute(HOLDER, {"hash": hash}).first()
    if row is None:
        return None
    scope, role = TokenScope(row.scope), Role(row.role)
    return TokenHolder(row.token_id, scope, row.expires_at, row.id, row.name, role, row.token_version)


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
