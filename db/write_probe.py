"""Check whether the database accepts writes, by a write that changes no data and leaves nothing behind."""

from pathlib import Path

from sqlalchemy import Connection, text

from db.sqlite_refusals import lack_of_room
from db.unavailable import StoreUnavailable

# Room for a page of output, its index and the write-ahead log. With less, small writes may still fit into SQLite's log.
LEAST_ROOM = 1024 * 1024


def try_write(conn: Connection) -> None:
    """Raise what a real write would raise. StoreUnavailable if the disk of a SQLite file is full."""
    if conn.dialect.name == "sqlite":
        if why := lack_of_room(Path(conn.engine.url.database or ""), LEAST_ROOM):
            raise StoreUnavailable(why)
        # A number in the file's header that SQLite does not use: writing it unchanged goes through the log to the disk.
        version = conn.scalar(text("PRAGMA user_version"))
        conn.exec_driver_sql(f"PRAGMA user_version = {version}")
    else:
        # A row lock is a write that a standby and a read-only database refuse; unlike an UPDATE it leaves no dead row.
        conn.execute(text("SELECT version_num FROM alembic_version FOR UPDATE SKIP LOCKED"))
