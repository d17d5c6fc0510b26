"""Bringing a database to the schema of this version.

Alembic is imported when there is something to bring: nearly always there is not, and with it a command would start a
fifth later.
"""

import importlib
from pathlib import Path
from types import ModuleType

from sqlalchemy import Connection, inspect, text

from db.store import Store

VERSIONS = Path(__file__).parent / "migrations" / "versions"
LOCK = 0x55C1


async def migrate(store: Store) -> list[str]:
    """Apply what is missing, in one transaction. Returns the revisions applied, oldest first.

    The look before keeps others from waiting for the lock while Alembic is imported, or where all is there.
    """
    return await store.run(upgrade) if await pending(store) else []


async def pending(store: Store) -> list[str]:
    """Revisions that this version has and the database lacks, oldest first."""
    return await store.read(missing)


def upgrade(conn: Connection) -> list[str]:
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    found = missing(conn)
    if found:
        revisions().upgrade(conn)
    return found


def missing(conn: Connection) -> list[str]:
    """Oldest first."""
    if current(conn) == newest():
        return []
    found: list[str] = revisions().missing(conn)
    return found


def current(conn: Connection) -> str | None:
    if not inspect(conn).has_table("alembic_version"):
        return None
    found: str | None = conn.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def newest() -> str:
    """A revision's file is named by its number first."""
    return max(path.name for path in VERSIONS.glob("[0-9]*.py")).partition("_")[0]


def revisions() -> ModuleType:
    return importlib.import_module("db.revisions")
