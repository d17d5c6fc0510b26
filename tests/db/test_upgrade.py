"""A database of a released version, with all that was in it, goes on in this one."""

from datetime import datetime
from typing import Any

import pytest
from alembic.command import upgrade
from sqlalchemy import Connection, MetaData, insert, text

from db import claims, output, servers, stdin, tasks
from db.migrate import migrate
from db.revisions import build_config
from db.store import open_store
from db.values import Stream
from tests.db.test_migrate import differences, empty
from tests.support.postgres import postgres
from tests.support.rows import NOON

__all__ = ["empty", "postgres"]

pytestmark = pytest.mark.anyio


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


def released(conn: Connection) -> None:
    """The first schema, as it was released, and a row of each kind."""
    config = build_config()
    config.attributes["connection"] = conn
    upgrade(config, "0001")
    tables = MetaData()
    tables.reflect(conn)
    for name, values in rows_of_the_first_release(written(conn, NOON)).items():
        needed = {column.name for column in tables.tables[name].columns if not column.nullable}
        assert set(values) == needed, name
        conn.execute(insert(tables.tables[name]), values)


def written(conn: Connection, moment: datetime) -> datetime:
    """SQLite keeps times in UTC without saying so."""
    return moment if conn.dialect.name == "postgresql" else moment.replace(tzinfo=None)


async def test_a_database_of_the_first_release_keeps_all_that_it_has(empty: str) -> None:
    store = await open_store(empty)
    await store.run(released)
    assert await migrate(store) != []
    assert await store.read(differences) == []
    server, task = await store.read(servers.by_id, 1), await store.read(tasks.by_id, 1)
    assert server is not None
    assert task is not None
    assert (server.tags, server.created_at) == (["web", "eu", "web"], NOON)
    assert (server.host_keys, server.legacy_algorithms, server.host_key_alias) == (["ssh-ed25519 AAAA"], [], None)
    assert (task.command, task.env, task.secret_env, task.sealed_env, task.updated_by) == (
        "df -h",
        {"A": "1"},
        {},
        {},
        None,
    )
    assert await store.read(output.load_tail, 1, 3, 9) == {Stream.STDOUT: b"out", Stream.STDERR: b""}
    (run,) = await store.run(claims.claim, runner_id="runner", at=NOON, limit=10)
    assert (run.command, run.secret_env, run.sealed_env, run.findings) == ("df -h", {}, None, None)
    assert (task.shell, run.shell) == (None, None)
    assert (run.stdin_bytes, run.stdin_sha256, await store.read(stdin.sealed, run.id)) == (None, None, None)
    await store.close()


async def test_the_tags_that_servers_had_can_be_granted(empty: str) -> None:
    store = await open_store(empty)
    await store.run(released)
    await migrate(store)
    found = text("SELECT server_id, tag FROM server_tags ORDER BY tag")
    assert await store.read(lambda conn: [tuple(row) for row in conn.execute(found)]) == [(1, "eu"), (1, "web")]
    await store.close()
