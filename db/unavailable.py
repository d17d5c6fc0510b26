"""Errors for a database that is away, whatever error the driver raises for it."""

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
# Classes of SQLSTATE: connection, resources (a full disk, too many clients), shutdown by an operator or a crash, and
# errors that a retry may overcome: serialization, deadlock, a server that is read-only for now.
POSTGRES_AWAY = ("08", "53", "57P", "58", "40", "25006", "57014")
# Errors that end a connection: raised at COMMIT, they leave open whether it was carried out.
POSTGRES_CUT = ("08", "57P", "58", "XX")
POSTGRES_FULL = ("53300",)


class StoreUnavailable(Exception):
    """The database cannot be reached or cannot do this now. Nothing was written, and a retry may succeed."""

    def __init__(self, why: str = "the database is away") -> None:
        super().__init__(why)


class StoreOutcomeUnknown(StoreUnavailable):
    """COMMIT was sent and not answered: the unit's changes may or may not have been written."""

    def __init__(self, why: str = "the database went away before it answered a COMMIT") -> None:
        super().__init__(why)


def is_sqlite_unavailable(error: BaseException) -> bool:
    """Return whether the cause lies outside the statement, such as a lock of another process or a full disk."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in SQLITE_AWAY


def is_postgres_unavailable(error: BaseException) -> bool:
    """Return whether the connection is lost, or the server is stopping, full or busy."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)
    return error.connection_invalidated or find_sqlstate(error).startswith(POSTGRES_AWAY)


def is_postgres_commit_unknown(error: BaseException) -> bool:
    """Return whether a COMMIT that ended with this error may have been carried out; False if the server refused it."""
    state = find_sqlstate(error)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, DBAPIError | OSError) and (not state or state.startswith(POSTGRES_CUT))


def is_postgres_full(error: BaseException) -> bool:
    """Return whether the server has no further connection for us."""
    return find_sqlstate(error) in POSTGRES_FULL


def find_sqlstate(error: BaseException) -> str:
    """Return the SQLSTATE, or "", of a driver's error (while connecting) or of one wrapped by SQLAlchemy."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) or ""


def is_sqlite_commit_unknown(error: BaseException) -> bool:
    """Return whether it is an I/O error: after it a COMMIT may turn out to be done once SQLite recovers."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_IOERR
