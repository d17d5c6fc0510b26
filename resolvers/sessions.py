"""What every way of signing in shares: how long sessions live, and how all of a user's end."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from db import sessions, users
from db.models import User


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session, the id of the one refresh token of it that is good, and how many seconds it has left at most."""

    user: User
    session_id: int
    refresh_id: str
    seconds_left: int


@dataclass(frozen=True, slots=True)
class SessionLifetimes:
    """How long a session lives when nobody refreshes it, and how long at most."""

    idle: timedelta
    longest: timedelta

    def compute_end(self, begun: datetime, now: datetime) -> datetime:
        return min(now + self.idle, begun + self.longest)

    def count_seconds_left(self, begun: datetime, now: datetime) -> int:
        """Whole seconds; none or fewer when it is over."""
        return int((begun + self.longest - now).total_seconds())


def end_user_sessions(conn: Connection, user_id: int, at: datetime) -> bool:
    """Every token of the user stops working. False if there is no such user."""
    sessions.end_all(conn, user_id, at)
    return users.revoke_tokens(conn, user_id)
