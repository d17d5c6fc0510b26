"""Queries on `master_key_check`: one row, with a value that is sealed by the master key of this database."""

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
    """The sealed value; None in a database whose master key nothing has told yet."""
    found: bytes | None = conn.scalar(select(checks.c.sealed))
    return found


def insert_if_absent(conn: Connection, new: bytes) -> bytes:
    """Keep it if there is none. Returns what is kept by then: of two services that start at once, one's value."""
    conn.execute(FIRST[conn.dialect.name], {"id": ID, "sealed": new})
    found: bytes = conn.execute(select(checks.c.sealed)).scalar_one()
    return found


def replace(conn: Connection, old: bytes, new: bytes) -> bool:
    """False when it is another one by now."""
    return rows.change(conn, MasterKeyCheck, {"sealed": new}, checks.c.id == ID, checks.c.sealed == old)
