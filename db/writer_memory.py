"""What the only writer of a database remembers between its transactions, so that it is not read again.

It is on the connection of SQLite's writer. PostgreSQL has many writers, and nothing is remembered there.
"""

from typing import Any

from sqlalchemy import Connection

NAME = "remembered"


def prepare(conn: Connection, *, is_alone: bool) -> None:
    """Begin a transaction. What is remembered is kept if nobody else has written since the one before."""
    if not is_alone or NAME not in conn.info:
        conn.info[NAME] = {}


def forget(conn: Connection) -> None:
    """Forget everything: what was remembered may have been rolled back, or changed by other means."""
    if not conn.invalidated:
        get_memory(conn).clear()


def get_memory(conn: Connection) -> dict[str, Any]:
    """Return what may be read and added to in this transaction; on any other connection a new dictionary."""
    found: dict[str, Any] | None = conn.info.get(NAME)
    return {} if found is None else found
