"""When the database is away: told as one error, whatever the driver calls it."""

import sqlite3

from sqlalchemy.exc import DBAPIError

SQLITE_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
# Classes of SQLSTATE: connection, resources (a full disk, too many clients), an operator's or a crash's shutdown, and
# what a second try gets past: serialization, deadlock, a server that takes no writes for now.
POSTGRES_AWAY = ("08", "53", "57P", "58", "40", "25006", "57014")


class StoreUnavailable(Exception):
    """The database cannot be reached, or cannot take this now; the same may work later.

    Where the connection was lost on the way, the unit may have been committed nonetheless.
    """

    def __init__(self, why: str = "the database is away") -> None:
        super().__init__(why)


def sqlite_away(error: BaseException) -> bool:
    """A lock held by another process, a full disk, a folder that is gone: nothing that the statement got wrong."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in SQLITE_AWAY


def postgres_away(error: BaseException) -> bool:
    """A lost connection, or a server that is stopping, full or busy."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state.startswith(POSTGRES_AWAY)
