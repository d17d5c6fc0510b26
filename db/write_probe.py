"""Whether the database takes writes: tried by a write that changes nothing anyone reads, and leaves nothing behind."""

from pathlib import Path

from sqlalchemy import Connection, text

from db.sqlite_refusals import lack_of_room
from db.unavailable import StoreUnavailable

# What a page of output, its index and the log before them take. Small writes may still find room in SQLite's log then.
LEAST_ROOM = 1024 * 1024


def try_write(conn: Connection) -> None:
    """A unit that raises what a real write would. StoreUnavailable when the disk of a SQLite file has no room left."""
    if conn.dialect.name == "sqlite":
        if why := lack_of_room(Path(conn.engine.url.database or ""), LEAST_ROOM):
            raise StoreUnavailable(why)
        # A number of the file's head that SQLite leaves to its users: written as it was, it goes through log and disk.
        kept = conn.scalar(text("PRAGMA user_version"))
        conn.exec_driver_sql(f"PRAGMA user_version = {kept}")
    else:
        # A row lock is a write, refused by a standby and a read-only database; unlike an UPDATE it leaves no dead row.
        conn.execute(text("SELECT version_num FROM alembic_version FOR UPDATE SKIP LOCKED"))
