"""Run Alembic on the migrations without a configuration file. `db/migrate.py` imports this module only when needed."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

SCRIPTS = Path(__file__).parent / "migrations"


def list_missing(conn: Connection) -> list[str]:
    """Return the revisions that the database lacks, oldest first."""
    scripts = ScriptDirectory.from_config(build_config())
    current = MigrationContext.configure(conn).get_current_revision()
    return [script.revision for script in scripts.iterate_revisions("head", current)][::-1]


def upgrade(conn: Connection) -> None:
    config = build_config()
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


def build_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config
