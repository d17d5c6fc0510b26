"""Sessions, shared by every way of signing in: their lifetimes, and ending all sessions of a user."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from db import sessions, users
from db.models import User


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session with its only valid refresh token (`refresh_id`), and the seconds it has left at most."""

    user: User
    session_id: int
    refresh_id: str
    seconds_left: int


@dataclass(frozen=True, slots=True)
class SessionLifetimes:
    """The lifetime of a session that is not refreshed (`idle`), and the longest of any session."""

    idle: timedelta
    longest: timedelta

    def compute_end(self, begun: datetime, now: datetime) -> datetime:
        return min(now + self.idle, begun + self.longest)

    def count_seconds_left(self, begun: datetime, now: datetime) -> int:
        """Return the whole seconds left; 0 or less if the session is over."""
        return int((begun + self.longest - now).total_seconds())


def end_user_sessions(conn: Connection, user_id: int, at: datetime) -> bool:
    """End every session of the user and revoke their tokens. Return False if there is no such user."""
    sessions.end_all(conn, user_id, at)
    return users.revoke_tokens(conn, user_id)
