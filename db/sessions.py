"""Queries on `sessions`."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, not_, or_, select

from db import rows
from db.access_models import Session
from db.columns import BigId
from db.models import User
from db.prepared import Prepared

sessions = rows.get_table(Session)
users = rows.get_table(User)
OPEN = sessions.c.ended_at.is_(None)
# The user of an access token, in one statement: session 0 stands for a token that has no session.
SESSION = bindparam("session", type_=BigId)
OPEN_SESSION = select(sessions.c.id).where(sessions.c.id == SESSION, sessions.c.user_id == users.c.id, OPEN)
HOLDER = Prepared(
    select(users).where(
        users.c.id == bindparam("user"),
        not_(users.c.disabled),
        users.c.token_version == bindparam("version"),
        or_(SESSION == 0, OPEN_SESSION.exists()),
    )
)


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


def find_holder(conn: Connection, user_id: int, token_version: int, session_id: int) -> User | None:
    """Return the user if a token of this version and session is valid. Session 0: the token has no session."""
    values = {"user": user_id, "version": token_version, "session": session_id}
    return HOLDER.find_first(conn, values)


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
