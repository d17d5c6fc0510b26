"""A database as the first release made it, with a row of each kind."""

from datetime import datetime
from typing import Any

from alembic.command import upgrade
from sqlalchemy import Connection, MetaData, insert

from db.revisions import build_config
from tests.support.rows import NOON


def rows_of_the_first_release(at: datetime) -> dict[str, dict[str, Any]]:
    made = {"id": 1, "created_at": at}
    changed = made | {"updated_at": at}
    by = {"created_by": 1}
    bounds = {"timeout_seconds": 300, "output_limit": 1_000_000, "env": '{"A": "1"}'}
    place = {"host": "192.0.2.1", "port": 22, "username": "deploy", "host_keys": '["ssh-ed25519 AAAA"]'}
    how = {"max_parallel": 4, "run_mode": "durable", "blackouts": "[]", "enabled": True}
    sealed = {"credential_kind": "password", "credential": b"sealed"}
    user = {"name": "ada", "password_hash": "x", "role": "admin", "disabled": False, "token_version": 3}
    server = {"name": "web-1", "name_folded": "web-1", "tags": '["web", "eu", "web"]'} | place | how | sealed
    schedule = {"cron_expr": "@manual", "timezone": "UTC", "enabled": True, "terms": "{}"}
    task = {"name": "disk check", "name_folded": "disk check", "command": "df -h", "server_id": 1} | schedule
    counts = {"attempt": 1, "fence": 0, "stdout_bytes": 3, "stderr_bytes": 0, "truncated": False}
    run = {"server_id": 1, "command": "df -h", "trigger": "manual", "state": "PENDING"} | counts
    chunk = {"execution_id": 1, "position": 0, "stream": "stdout", "stream_offset": 0, "size": 3, "data": b"out"}
    return {
        "users": changed | user,
        "servers": changed | by | server,
        "tasks": changed | by | bounds | task,
        "task_executions": made | by | bounds | run,
        "output_chunks": chunk | {"at": at},
    }


def lay_first_release(conn: Connection) -> None:
    """The first schema, as it was released, and a row of each kind."""
    config = build_config()
    config.attributes["connection"] = conn
    upgrade(config, "0001")
    tables = MetaData()
    tables.reflect(conn)
    for name, values in rows_of_the_first_release(strip_zone(conn, NOON)).items():
        needed = {column.name for column in tables.tables[name].columns if not column.nullable}
        assert set(values) == needed, name
        conn.execute(insert(tables.tables[name]), values)


def strip_zone(conn: Connection, moment: datetime) -> datetime:
    """SQLite keeps times in UTC without saying so."""
    return moment if conn.dialect.name == "postgresql" else moment.replace(tzinfo=None)
