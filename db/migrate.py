"""Bring a database to the schema of this version.

Alembic is imported only when there is a migration to apply: mostly there is none, and the import would make a command
start a fifth of a second later. The check of a PostgreSQL server is imported only where there is one.
"""

import importlib
from pathlib import Path
from types import ModuleType

from sqlalchemy import Connection, inspect, text

from db.migration_refusals import explain_refusals, refuse_unknown
from db.sqlite_refusals import check_is_ours
from db.store import Store

VERSIONS = Path(__file__).parent / "migrations" / "versions"
LOCK = 0x55C1


async def migrate(store: Store) -> list[str]:
    """Apply the missing revisions in one transaction. Return them, oldest first.

    The check before it avoids taking the lock while Alembic is imported, or when nothing is missing. Raises
    StoreUnusable like `list_pending`, and also when the role may not create tables or foreign tables are in the way.
    """
    if not await list_pending(store):
        return []
    with explain_refusals():
        return await store.run(upgrade)


async def list_pending(store: Store) -> list[str]:
    """Return the revisions that the database lacks, oldest first.

    Raises StoreUnusable when the database is newer than this version, belongs to another program, or is on a server
    that sshcast cannot use.
    """
    if store.dialect == "postgresql":
        await importlib.import_module("db.server_check").check_server(store)
    with explain_refusals():
        return await store.read(_list_missing)


def upgrade(conn: Connection) -> list[str]:
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    found = _list_missing(conn)
    if found:
        _import_revisions().upgrade(conn)
    return found


def _list_missing(conn: Connection) -> list[str]:
    """Return the missing revisions, oldest first."""
    if _find_current_revision(conn) == find_newest_revision():
        return []
    check_is_ours(conn)
    refuse_unknown(_find_current_revision(conn), _list_known_revisions())
    found: list[str] = _import_revisions().list_missing(conn)
    return found


def _find_current_revision(conn: Connection) -> str | None:
    if not inspect(conn).has_table("alembic_version"):
        return None
    found: str | None = conn.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def find_newest_revision() -> str:
    """Return the newest revision of this version."""
    return _list_known_revisions()[-1]


def _list_known_revisions() -> list[str]:
    """Return all revisions of this version, oldest first. Their numbers begin the names of their files."""
    return sorted(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


def _import_revisions() -> ModuleType:
    return importlib.import_module("db.revisions")
