"""Bringing a database to the schema of this version, with Alembic and without a configuration file."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from db.store import Store

SCRIPTS = Path(__file__).parent / "migrations"
LOCK = 0x55C1


async def migrate(store: Store) -> list[str]:
    """Apply what is missing, in one transaction. Returns the revisions applied, oldest first."""
    return await store.run(upgrade)


async def pending(store: Store) -> list[str]:
    """Revisions that this version has and the database lacks, oldest first."""
    return await store.read(missing)


def upgrade(conn: Connection) -> list[str]:
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    found = missing(conn)
    if found:
        config = configuration()
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
    return found


def missing(conn: Connection) -> list[str]:
    scripts = ScriptDirectory.from_config(configuration())
    current = MigrationContext.configure(conn).get_current_revision()
    return [script.revision for script in scripts.iterate_revisions("head", current)][::-1]


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config
