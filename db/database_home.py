"""Tells a PostgreSQL database that was restored by `pg_restore`, or copied, from the one that its runners know.

A runner notes which database of which PostgreSQL it works on. Restored into another database, or over the old tables,
the note does not fit: the tables have other OIDs. It fits after a rename, a new role or address, VACUUM FULL, on a
physical replica that takes over, and after recovery from a physical backup, of which nothing can be seen here.
`pg_upgrade` keeps the OIDs of tables in a PostgreSQL of a newer version. SQLite has none of this.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects import postgresql

from db import rows
from db.runner_models import DatabaseHome

homes = rows.get_table(DatabaseHome)

ID = 1
# Any role may ask for these. Where pg_control_system() is kept from it, PostgreSQL refuses a statement that names it.
FACTS = text(
    "SELECT d.oid::bigint AS database_oid, current_setting('server_version_num')::int / 10000 AS major,"
    " concat_ws(' ', 'users'::regclass::oid, 'task_executions'::regclass::oid, 'schedule_slots'::regclass::oid)"
    " AS table_oids, has_function_privilege('pg_control_system()', 'execute') AS shows_system"
    " FROM pg_database d WHERE d.datname = current_database()"
)
SYSTEM = text("SELECT system_identifier::text FROM pg_control_system()")


class Fit(StrEnum):
    """Whether the note fits: `UNKNOWN`: there is none yet; `UPGRADED`: but for what pg_upgrade changes."""

    SAME = "same"
    UNKNOWN = "unknown"
    UPGRADED = "upgraded"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Home:
    """A database as PostgreSQL knows it. `system_id` is that of its cluster; None if the role may not see it."""

    system_id: str | None
    database_oid: int
    table_oids: str
    major: int


def find_fit(conn: Connection) -> Fit:
    """Return whether the database is the one that its runners know. It only reads."""
    kept = conn.execute(select(homes)).first()
    return Fit.UNKNOWN if kept is None else compare(Home(*kept[1:]), _find_home(conn))


def compare(kept: Home, found: Home) -> Fit:
    if kept.table_oids != found.table_oids:
        return Fit.MOVED
    is_same_system = None in (kept.system_id, found.system_id) or kept.system_id == found.system_id
    if kept.database_oid == found.database_oid and is_same_system:
        return Fit.SAME
    return Fit.UPGRADED if found.major > kept.major else Fit.MOVED


def note(conn: Connection) -> None:
    """Note that the database is where it belongs."""
    values = asdict(_find_home(conn))
    insert = postgresql.insert(homes).values(id=ID, **values)
    conn.execute(insert.on_conflict_do_update(index_elements=["id"], set_=values))


def _find_home(conn: Connection) -> Home:
    row = conn.execute(FACTS).one()
    system_id = conn.scalar(SYSTEM) if row.shows_system else None
    return Home(system_id, row.database_oid, row.table_oids, row.major)
