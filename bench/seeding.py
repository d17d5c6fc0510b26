"""Fills a new database with a history in bulk: executions of some tasks on some servers, their ledger, and one big log.

The rows are made by the database itself, in one statement a part, without its indexes, which are built afterwards:
100,000 rows a second or more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from db.store import Store
from tests.support import rows

PART = 1_000_000
FAILED, TIMEOUT, CANCELLED = (0, 1), 2, 3
CHUNK_BYTES = 1024
FINDINGS = '[{"rule":"fs.volume-remove","severity":"warn","start":0,"end":5,"line":1,"column":1,"text":"df -h"}]'
# The n-th moment of the history, three seconds after the one before, as each database stores a time.
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', '2025-01-01', (({n}) * 3) || ' seconds') || '000'",
    "postgresql": "timestamptz '2025-01-01 00:00:00+00' + ({n}) * interval '3 seconds'",
}
SERIES = {
    "sqlite": "WITH RECURSIVE series(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM series WHERE n < :last)",
    "postgresql": "WITH series(n) AS (SELECT generate_series(CAST(:first AS bigint), CAST(:last AS bigint)))",
}
# Of 100 executions in a row each is of another task, and all share what the other columns hold. One in 9973 differs.
EXECUTIONS = """
INSERT INTO task_executions (task_id, server_id, command, env, secret_env, timeout_seconds, output_limit, trigger,
    attempt, state, reason, exit_code, created_at, start_time, end_time, duration_ms, fence, mode, stdout_bytes,
    stderr_bytes, truncated, findings, created_by)
{series}
SELECT {task} + n % {tasks}, {server} + n % {servers},
    CASE WHEN n % 9973 = 7 THEN 'systemctl restart nginx' ELSE 'df -h --output=source,pcent,target /var /home' END,
    '{{}}', '{{}}', 300, 10485760,
    CASE WHEN n / 100 % 10 = 0 THEN 'manual' WHEN n / 100 % 10 = 1 THEN 'api' ELSE 'schedule' END, 1,
    CASE WHEN n / 100 % 50 < 2 THEN 'FAILED' WHEN n / 100 % 50 = 2 THEN 'TIMEOUT'
        WHEN n / 100 % 50 = 3 THEN 'CANCELLED' ELSE 'SUCCESS' END,
    CASE WHEN n % 9973 = 7 THEN 'LOST' WHEN n / 100 % 50 = 2 THEN 'TIMEOUT' ELSE 'EXIT_STATUS' END,
    CASE WHEN n % 9973 = 7 THEN 137 WHEN n / 100 % 50 < 2 THEN 1 ELSE 0 END, {moment}, {moment}, {end},
    CASE WHEN n % 9973 = 7 THEN 3600000 ELSE 3000 + n % 1000 END, 1, 'durable', 120, 0,
    {false}, CASE WHEN n % 997 = 0 THEN '{findings}' END, CASE WHEN n / 100 % 2 = 0 THEN {user} ELSE {other} END
FROM series
"""
LEDGER = """
INSERT INTO schedule_slots (task_id, slot, outcome, execution_id, decided_at, open, retries_left)
SELECT task_id, created_at, 'fired', id, created_at, {false}, 0 FROM task_executions
WHERE id BETWEEN :first AND :last AND id % 10 = 0 AND trigger = 'schedule'
"""
CHUNKS = """
INSERT INTO output_chunks (execution_id, position, stream, stream_offset, size, at, data)
{series}
SELECT {execution}, n * {size}, 'stdout', n * {size}, {size}, {moment}, {data} FROM series
"""
DATA = {"sqlite": "zeroblob({size})", "postgresql": "decode(repeat('2e', {size}), 'hex')"}


@dataclass(frozen=True, slots=True)
class Volume:
    """How much to make. `chunks` is the length of one execution's log, in chunks of 1 KiB."""

    executions: int
    tasks: int = 100
    servers: int = 20
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """What was made: the volume, and the first id of each kind; the ids of a kind follow each other.

    `log` is the execution with the big log, in the middle of the history.
    """

    volume: Volume
    user: int
    other: int
    server: int
    task: int
    execution: int

    @property
    def log(self) -> int:
        return self.execution + self.volume.executions // 2

    @property
    def newest(self) -> int:
        return self.execution + self.volume.executions - 1


async def seed(store: Store, volume: Volume) -> History:
    """Fill a migrated database that has no tasks and no executions yet; users and servers may be there."""
    history = await store.run(_add_owners, volume)
    definitions = await store.run(_drop_indexes)
    for first in range(0, volume.executions, PART):
        await store.run(_add_executions, history, first, min(first + PART, volume.executions) - 1)
    await store.run(_create_indexes, definitions)
    if volume.chunks:
        await store.run(_add_log, history)
    await store.run(_analyze)
    return history


def _add_owners(conn: Connection, volume: Volume) -> History:
    users = [rows.user(conn, name).id for name in ("ada", "grace")]
    servers = [
        rows.server(conn, name=f"seeded {n}", max_parallel=50, tags=["lab" if n % 5 else "prod", "seeded"]).id
        for n in range(volume.servers)
    ]
    tasks = [
        rows.task(conn, name=f"task {n:05}", server_id=servers[n % volume.servers], enabled=False).id
        for n in range(volume.tasks)
    ]
    newest = conn.scalar(text("SELECT coalesce(max(id), 0) FROM task_executions"))
    assert newest == 0, "there are executions already"
    return History(volume, users[0], users[1], servers[0], tasks[0], newest + 1)


def _drop_indexes(conn: Connection) -> list[str]:
    """Drop what only speeds up reading, and return the statements that make it again."""
    if conn.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {tables}"
    else:
        query = """SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN {tables} AND NOT EXISTS
            (SELECT FROM pg_constraint WHERE conindid = format('%I.%I', schemaname, indexname)::regclass)"""
    found = conn.execute(text(query.format(tables="('task_executions', 'schedule_slots')"))).all()
    for name, _ in found:
        conn.execute(text(f"DROP INDEX {name}"))
    return [definition for _, definition in found]


def _create_indexes(conn: Connection, definitions: list[str]) -> None:
    for definition in definitions:
        conn.exec_driver_sql(definition)


def _add_executions(conn: Connection, history: History, first: int, last: int) -> None:
    kind, volume = conn.dialect.name, history.volume
    words = {"series": SERIES[kind], "moment": MOMENT[kind].format(n="n"), "end": MOMENT[kind].format(n="n + 1")}
    numbers = {"task": history.task, "tasks": volume.tasks, "server": history.server, "servers": volume.servers}
    who = {"user": history.user, "other": history.other, "findings": FINDINGS, "false": _false(kind)}
    with _unchecked(conn):
        _execute(conn, EXECUTIONS.format(**words, **numbers, **who), first, last)
        _execute(conn, LEDGER.format(false=_false(kind)), history.execution + first, history.execution + last)


def _add_log(conn: Connection, history: History) -> None:
    kind = conn.dialect.name
    words: dict[str, Any] = {"series": SERIES[kind], "moment": MOMENT[kind].format(n="0"), "size": CHUNK_BYTES}
    words["execution"] = history.log
    statement = CHUNKS.format(**words, data=DATA[kind].format(size=CHUNK_BYTES))
    with _unchecked(conn):
        _execute(conn, statement, 0, history.volume.chunks - 1)
    grown = "UPDATE task_executions SET stdout_bytes = :bytes WHERE id = :id"
    conn.execute(text(grown), {"bytes": history.volume.chunks * CHUNK_BYTES, "id": history.log})


def _execute(conn: Connection, statement: str, first: int, last: int) -> None:
    """Run a statement of ours with its only parameters. JSON in it keeps its colons."""
    conn.execute(text(statement.replace('":', '"\\:')), {"first": first, "last": last})


@contextmanager
def _unchecked(conn: Connection) -> Iterator[None]:
    """Leave out PostgreSQL's checks of foreign keys, one a row and key, until the block ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SET LOCAL session_replication_role = replica"))
    yield
    if conn.dialect.name == "postgresql":
        conn.execute(text("SET LOCAL session_replication_role = origin"))


def _false(kind: str) -> str:
    return "0" if kind == "sqlite" else "false"


def _analyze(conn: Connection) -> None:
    """Bring PostgreSQL's statistics up to date, as its autovacuum would; a SQLite database of ours has none."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("ANALYZE"))
