"""SQLite connections: in WAL mode, durable, with foreign keys, and waiting for another process's lock."""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import URL, Engine, QueuePool, create_engine, event

from db.sqlite_refusals import LOCKED, StoreUnusable, no_shared_memory

BUSY_MS = 5000
PAUSE_SECONDS = 0.01
PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_MS}",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA journal_size_limit=67108864",
)


def build_engine(url: URL, *, connections: int, read_only: bool = False) -> Engine:
    """Return an engine that begins no transactions by itself. With `read_only`, statements that write are refused."""
    made = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        # Parameters hold commands, output and sealed secrets: keep them out of error messages.
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": BUSY_MS / 1000},
    )
    path = Path(url.database or "")
    event.listen(made, "connect", lambda connection, record: _prepare_connection(connection, path, read_only))
    return made


def _prepare_connection(connection: sqlite3.Connection, path: Path, read_only: bool) -> None:
    for pragma in PRAGMAS:
        connection.execute(pragma)
    _enter_wal(connection, path)
    if read_only:
        connection.execute("PRAGMA query_only=ON")


def _enter_wal(connection: sqlite3.Connection, path: Path) -> None:
    """Switch to WAL, retrying while locked: SQLite waits for no lock here, and two processes may collide."""
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in LOCKED or time.monotonic() > until:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            if mode != "wal":
                raise StoreUnusable(no_shared_memory(path))
            return
