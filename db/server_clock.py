"""The database's clock."""

from datetime import UTC, datetime

from sqlalchemy import Connection, text

CLOCKS = {
    "sqlite": text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"),
    "postgresql": text("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS')"),
}


def read_clock(conn: Connection) -> datetime:
    """Return what time it is by the database; for SQLite that is this machine."""
    return datetime.fromisoformat(str(conn.scalar(CLOCKS[conn.dialect.name]))).replace(tzinfo=UTC)
