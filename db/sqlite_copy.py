"""Copies a SQLite database that may be in use: a file as it was at one moment, while others go on writing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from db.sqlite_engine import BUSY_MS
from db.sqlite_refusals import StoreUnusable, explain


def copy_database(source: Path, target: Path) -> None:
    """Write a copy to `target`, which must not exist. Raise StoreUnusable with what to do if that fails.

    `VACUUM INTO` reads in one transaction and keeps no writer waiting. SQLite's backup interface would begin again
    after each commit of another process, and so never end on a busy service.
    """
    with _open(source) as conn:
        try:
            conn.execute("VACUUM INTO ?", (str(target),))
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL:
                raise
            raise StoreUnusable(explain(error, target)) from error


def estimate_copy(source: Path) -> int:
    """Return about how many bytes a copy has: those of the pages in use."""
    with _open(source) as conn:
        pages, free, size = (
            int(conn.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


def find_damage(path: Path) -> str | None:
    """Return what is wrong with a database file; None if its pages are in order."""
    try:
        with _open(path) as conn:
            (found,) = conn.execute("PRAGMA quick_check(1)").fetchone()
    except StoreUnusable as error:
        return str(error)
    return None if found == "ok" else str(found)


def find_revision(path: Path) -> str | None:
    """Return the revision of the schema in a database file; None if it has none."""
    with _open(path) as conn:
        known = conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone()
        found = conn.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
        return None if found is None else str(found[0])


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect to a file that must be there; raise SQLite's errors as StoreUnusable."""
    try:
        name = f"file:{quote(str(path.absolute()))}?mode=rw"
        with closing(sqlite3.connect(name, uri=True, isolation_level=None)) as conn:
            conn.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            yield conn
    except sqlite3.Error as error:
        raise StoreUnusable(explain(error, path) or f"{path} cannot be read: {error}") from error
