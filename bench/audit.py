"""What the audit costs: `python -m bench.audit [sqlite|postgresql]`.

Commands that are asked for at once by 64 callers, as the resolvers write them, with and without their audit event,
on a database that syncs to disk; then the walk over the whole chain.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bench.schedules import migrated
from db import audit
from db.audit import START, Entry
from db.store import Store
from db.values import AuditKind, ObjectKind
from tests.support import rows
from tests.support.postgres import running

CALLERS = 64
EACH = 40
ROUNDS = 3
AFTER = {"command": "df -h", "env": [], "server_id": 1, "task_id": None, "timeout_seconds": 300, "trigger": "api"}


@asynccontextmanager
async def synced(kind: str) -> AsyncIterator[str]:
    """The URL of an empty database that is durable, until the block ends."""
    with tempfile.TemporaryDirectory(dir=Path.home() if kind == "postgresql" else None) as folder:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/sshcast.db"
            return
        os.chmod(folder, 0o755)
        with running(Path(folder), fsync="on", synchronous_commit="on") as server:
            yield server.url("postgres")


def plain(conn: Connection, server_id: int, user_id: int) -> int:
    return rows.pending(conn, server_id=server_id, created_by=user_id).id


def audited(conn: Connection, server_id: int, user_id: int) -> int:
    id = plain(conn, server_id, user_id)
    kinds: dict[str, Any] = {"kind": AuditKind.EXECUTION_STARTED, "object_kind": ObjectKind.EXECUTION}
    entry = Entry(
        at=datetime.now(UTC), actor_id=1, actor="ada", address="127.0.0.1", object_id=id, after=AFTER, **kinds
    )
    audit.append(conn, entry)
    return id


async def rate(store: Store, unit: Any, *ids: int) -> tuple[float, float]:
    """Units a second, and milliseconds of CPU of this process a unit."""

    async def caller() -> None:
        for _ in range(EACH):
            await store.run(unit, *ids)

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    count = CALLERS * EACH
    return count / (time.perf_counter() - started), (time.process_time() - cpu) / count * 1000


async def walk(store: Store) -> tuple[int, float]:
    started, last, hash = time.perf_counter(), 0, START
    while batch := await store.read(audit.list_after, last, 500):
        assert audit.find_first_broken(batch, (last, hash)) is None
        last, hash = batch[-1].id, batch[-1].hash
    return last, last / (time.perf_counter() - started)


async def main(kind: str) -> None:
    async with synced(kind) as url, migrated(url) as store:
        server = await store.run(rows.server)
        for _ in range(ROUNDS):
            for name, unit in (("without", plain), ("with", audited)):
                units, cpu = await rate(store, unit, server.id, server.created_by)
                print(f"{kind}: {name:8} audit {units:8.0f} runs/s, {cpu:.3f} ms CPU each")
        count, events = await walk(store)
        print(f"{kind}: walked {count} events, {events:.0f}/s")


if __name__ == "__main__":
    for each in sys.argv[1:] or ("sqlite", "postgresql"):
        asyncio.run(main(each))
