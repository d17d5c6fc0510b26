"""Queries on `master_key_check`: one row with a value sealed by the master key of this database."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from db import rows
from db.secret_models import MasterKeyCheck

checks = rows.get_table(MasterKeyCheck)

ID = 1
FIRST = {
    name: dialect.insert(checks).on_conflict_do_nothing()
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


def load_value(conn: Connection) -> bytes | None:
    """Return the sealed value; None if no master key has been recorded for this database."""
    found: bytes | None = conn.scalar(select(checks.c.sealed))
    return found


def insert_if_absent(conn: Connection, new: bytes) -> bytes:
    """Store the value if there is none. Return the stored one: of two services starting at once, one wins."""
    conn.execute(FIRST[conn.dialect.name], {"id": ID, "sealed": new})
    found: bytes = conn.execute(select(checks.c.sealed)).scalar_one()
    return found


def replace(conn: Connection, old: bytes, new: bytes) -> bool:
    """Replace the sealed value. Return False if the stored value is no longer `old`."""
    return rows.change(conn, MasterKeyCheck, {"sealed": new}, checks.c.id == ID, checks.c.sealed == old)
