"""What the writers of a database remember between their transactions, so that it is not read again.

On SQLite it is on the connection of the only writer, and true. PostgreSQL has many writers: the connections of one
store share it, and it is a guess, which a statement has to check.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event

NAME = "remembered"


def prepare(conn: Connection, *, is_alone: bool) -> None:
    """Begin a transaction. What is remembered is kept if nobody else has written since the one before."""
    if not is_alone or NAME not in conn.info:
        conn.info[NAME] = {}


def share(engine: Engine) -> None:
    """Let all connections of the engine remember the same."""
    memory: dict[str, Any] = {}
    event.listen(engine, "connect", lambda driver, record: record.info.update({NAME: memory}))


def forget(conn: Connection) -> None:
    """Forget everything: what was remembered may have been rolled back, or changed by other means."""
    if not conn.invalidated:
        get_memory(conn).clear()


def get_memory(conn: Connection) -> dict[str, Any]:
    """Return what may be read and added to in this transaction; on any other connection a new dictionary."""
    found: dict[str, Any] | None = conn.info.get(NAME)
    return {} if found is None else found
