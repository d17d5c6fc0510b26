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
# What ends a connection: after any of them at COMMIT nobody knows on which side of it.
POSTGRES_CUT = ("08", "57P", "58", "XX")
POSTGRES_FULL = ("53300",)


class StoreUnavailable(Exception):
    """The database cannot be reached, or cannot take this now; nothing was written, and the same may work later."""

    def __init__(self, why: str = "the database is away") -> None:
        super().__init__(why)


class StoreOutcomeUnknown(StoreUnavailable):
    """COMMIT was sent and not answered: the unit may have been written or not."""

    def __init__(self, why: str = "the database went away before it answered a COMMIT") -> None:
        super().__init__(why)


def is_sqlite_unavailable(error: BaseException) -> bool:
    """A lock held by another process, a full disk, a folder that is gone: nothing that the statement got wrong."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in SQLITE_AWAY


def is_postgres_unavailable(error: BaseException) -> bool:
    """A lost connection, or a server that is stopping, full or busy."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)
    return error.connection_invalidated or find_sqlstate(error).startswith(POSTGRES_AWAY)


def is_postgres_commit_unknown(error: BaseException) -> bool:
    """Whether a COMMIT that ended with this may have been carried out: false where the server itself says no."""
    state = find_sqlstate(error)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, DBAPIError | OSError) and (not state or state.startswith(POSTGRES_CUT))


def is_postgres_full(error: BaseException) -> bool:
    """The server has no further connection for us."""
    return find_sqlstate(error) in POSTGRES_FULL


def find_sqlstate(error: BaseException) -> str:
    """The driver raises its own errors while it connects, and SQLAlchemy's later."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) or ""


def is_sqlite_commit_unknown(error: BaseException) -> bool:
    """An I/O error at COMMIT: what reached the disk before it may come back as committed after a crash."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_IOERR
