"""Queries on `identities` and `sign_in_codes`."""

from datetime import datetime

from sqlalchemy import Connection, and_, delete, select

from db import rows
from db.access_models import Identity, SignInCode

identities = rows.get_table(Identity)
codes = rows.get_table(SignInCode)


def insert(conn: Connection, *, issuer: str, subject: str, user_id: int, told_at: datetime, at: datetime) -> Identity:
    names = {"issuer": issuer, "subject": subject, "user_id": user_id}
    return rows.add(conn, Identity, names | {"told_at": told_at, "created_at": at})


def _by_id(conn: Connection, id: int) -> Identity | None:
    return rows.find_first(conn, Identity, identities.c.id == id)


def by_subject(conn: Connection, issuer: str, subject: str) -> Identity | None:
    return rows.find_first(conn, Identity, identities.c.issuer == issuer, identities.c.subject == subject)


def record_role_decision(conn: Connection, id: int, at: datetime) -> bool:
    """Record that a token issued at `at` decided the user's role. Return False if a newer token already did."""
    return rows.change(conn, Identity, {"told_at": at}, identities.c.id == id, identities.c.told_at <= at)


def reassign(conn: Connection, id: int, user_id: int) -> bool:
    """Set the identity's user. Return False if there is no such identity."""
    return rows.change(conn, Identity, {"user_id": user_id}, identities.c.id == id)


def remove(conn: Connection, issuer: str, user_id: int) -> bool:
    """Delete the user's identities of this issuer. Return whether there was any."""
    mine = and_(identities.c.issuer == issuer, identities.c.user_id == user_id)
    conn.execute(delete(codes).where(codes.c.identity_id.in_(select(identities.c.id).where(mine))))
    return conn.execute(delete(identities).where(mine)).rowcount > 0


def insert_code(conn: Connection, hash: str, identity_id: int, at: datetime, until: datetime) -> None:
    """Insert a sign-in code that is valid until `until`. Codes that have expired at `at` are deleted."""
    conn.execute(delete(codes).where(codes.c.expires_at <= at))
    rows.add(conn, SignInCode, {"hash": hash, "identity_id": identity_id, "expires_at": until})


def consume_code(conn: Connection, hash: str, at: datetime) -> Identity | None:
    """Delete the code and return its identity; None if the code is unknown, was used before or has expired."""
    taken = conn.execute(delete(codes).where(codes.c.hash == hash).returning(*codes.c)).first()
    return None if taken is None or at >= taken.expires_at else _by_id(conn, taken.identity_id)
