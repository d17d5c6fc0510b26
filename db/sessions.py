"""Queries on `sessions`."""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from db import rows
from db.access_models import Session

sessions = rows.get_table(Session)
OPEN = sessions.c.ended_at.is_(None)


def insert(conn: Connection, *, user_id: int, refresh_id: str, address: str, at: datetime, until: datetime) -> Session:
    return rows.add(
        conn,
        Session,
        {
            "user_id": user_id,
            "refresh_id": refresh_id,
            "rotated_at": at,
            "address": address,
            "created_at": at,
            "expires_at": until,
        },
    )


def is_open(conn: Connection, id: int, user_id: int) -> bool:
    """Return whether the session belongs to the user and has not been ended."""
    query = select(sessions.c.id).where(sessions.c.id == id, sessions.c.user_id == user_id, OPEN)
    return conn.execute(query).first() is not None


def lock_open(conn: Connection, id: int, user_id: int) -> Session | None:
    """Return an open session of the user, locked until the transaction ends."""
    query = select(sessions).where(sessions.c.id == id, sessions.c.user_id == user_id, OPEN).with_for_update()
    return next(iter(rows.load_all(conn, query, Session)), None)


def rotate(conn: Connection, session: Session, refresh_id: str, at: datetime, until: datetime) -> None:
    values = {"refresh_id": refresh_id, "previous_id": session.refresh_id, "rotated_at": at, "expires_at": until}
    rows.change(conn, Session, values, sessions.c.id == session.id)


def end(conn: Connection, id: int, at: datetime) -> bool:
    """End a session. Return whether it was open."""
    return rows.change(conn, Session, {"ended_at": at}, sessions.c.id == id, OPEN)


def end_all(conn: Connection, user_id: int, at: datetime) -> None:
    rows.change(conn, Session, {"ended_at": at}, sessions.c.user_id == user_id, OPEN)


def prune(conn: Connection, user_id: int, at: datetime) -> None:
    """Delete the user's sessions that expired before `at`."""
    conn.execute(delete(sessions).where(sessions.c.user_id == user_id, sessions.c.expires_at < at))
