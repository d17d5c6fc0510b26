"""Bringing a database to the schema of this version.

Alembic is imported when there is something to bring: nearly always there is not, and with it a command would start a
fifth later.
"""

import importlib
from pathlib import Path
from types import ModuleType

from sqlalchemy import Connection, inspect, text

from db.migration_refusals import explained, refuse_unknown
from db.server_check import check_server
from db.sqlite_refusals import check_is_ours
from db.store import Store

VERSIONS = Path(__file__).parent / "migrations" / "versions"
LOCK = 0x55C1


async def migrate(store: Store) -> list[str]:
    """Apply what is missing, in one transaction. Returns the revisions applied, oldest first.

    The look before keeps others from waiting for the lock while Alembic is imported, or where all is there.
    StoreUnusable as for `pending`, or when the role may not make tables, or others are in their place.
    """
    if not await list_pending(store):
        return []
    with explained():
        return await store.run(upgrade)


async def list_pending(store: Store) -> list[str]:
    """Revisions that this version has and the database lacks, oldest first.

    StoreUnusable when it is newer than this version, another program's, or on a server that we cannot work with.
    """
    await check_server(store)
    with explained():
        return await store.read(_list_missing)


def upgrade(conn: Connection) -> list[str]:
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    found = _list_missing(conn)
    if found:
        _import_revisions().upgrade(conn)
    return found


def _list_missing(conn: Connection) -> list[str]:
    """Oldest first."""
    if _find_current_revision(conn) == find_newest_revision():
        return []
    check_is_ours(conn)
    refuse_unknown(_find_current_revision(conn), known())
    found: list[str] = _import_revisions().list_missing(conn)
    return found


def _find_current_revision(conn: Connection) -> str | None:
    if not inspect(conn).has_table("alembic_version"):
        return None
    found: str | None = conn.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def find_newest_revision() -> str:
    """A revision's file is named by its number first."""
    return known()[-1]


def known() -> list[str]:
    """All revisions of this version, oldest first."""
    return sorted(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


def _import_revisions() -> ModuleType:
    return importlib.import_module("db.revisions")
