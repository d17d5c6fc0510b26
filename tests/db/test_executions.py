"""Making executions and looking at how they stand."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import StatementError

from db import executions, tasks
from db.executions import ExecutionFilter
from db.models import TaskExecution
from db.store import Store
from db.values import State
from tests.support import rows

pytestmark = pytest.mark.anyio


def once(conn: Connection, /, **changes: Any) -> TaskExecution | None:
    user = rows.user(conn)
    made = rows.pending(conn, server_id=1)
    values = rows.as_dict(made)
    for name in ("id", "state", "attempt", "fence"):
        del values[name]
    return executions.insert_once(conn, values | {"created_by": user.id, "idempotency_key": "key"} | changes)


def waiting(conn: Connection, states: list[State]) -> None:
    server = rows.server(conn)
    for state in states:
        rows.pending(conn, server_id=server.id, state=state)


async def test_a_key_is_used_once_however_many_use_it_at_once(store: Store) -> None:
    await store.run(rows.server)
    found = await asyncio.gather(*(store.run(once) for _ in range(20)))
    (made,) = [row for row in found if row is not None]
    assert await store.read(executions.by_idempotency_key, made.created_by, "key") == made
    assert await store.run(once, idempotency_key="another") is not None
    grace = await store.run(rows.user, "grace")
    assert await store.run(once, created_by=grace.id) is not None
    assert await store.run(once, idempotency_key=None) is not None
    assert await store.run(once, idempotency_key=None) is not None


@pytest.mark.parametrize("gap", [0, 30])
async def test_a_full_queue_is_seen_at_the_exact_number(store: Store, gap: int) -> None:
    await store.run(waiting, [State.PENDING, *([State.SUCCESS] * gap), *([State.PENDING] * 4), State.RUNNING])
    assert await store.read(executions.has_pending_at_least, 5)
    assert not await store.read(executions.has_pending_at_least, 6)
    assert await store.read(executions.estimate_pending) == 6 + gap


async def test_what_waits_is_counted_for_each_user_and_each_server(store: Store) -> None:
    one, other = await store.run(rows.server), await store.run(rows.server, name="other")
    grace = await store.run(rows.user, "grace")
    for server, user in ((one.id, one.created_by), (one.id, grace.id), (other.id, grace.id), (other.id, grace.id)):
        await store.run(rows.pending, server_id=server, created_by=user)
    for most in (2, 3):
        assert await store.read(executions.has_pending_at_least, most, server_id=one.id) is (most == 2)
        assert await store.read(executions.has_pending_at_least, most + 1, user_id=grace.id) is (most == 2)
    assert not await store.read(executions.has_pending_at_least, 2, user_id=one.created_by)


async def test_an_empty_queue_is_not_full(store: Store) -> None:
    assert await store.read(executions.estimate_pending) == 0
    await store.run(waiting, [State.SUCCESS, State.RUNNING])
    assert await store.read(executions.estimate_pending) == 0
    assert not await store.read(executions.has_pending_at_least, 1)


async def test_times_come_back_in_utc_and_to_the_microsecond(store: Store) -> None:
    moment = datetime(2026, 3, 29, 2, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    row = await store.run(rows.pending, created_at=moment)
    assert row.created_at == moment
    assert row.created_at.tzinfo is UTC or row.created_at.utcoffset() == timedelta()
    assert await store.read(executions.by_id, row.id) == row


async def test_a_time_without_a_zone_is_not_stored(store: Store) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        await store.run(rows.pending, created_at=rows.NOON.replace(tzinfo=None))


async def test_more_ids_than_a_statement_takes_are_asked_for_in_parts(store: Store) -> None:
    await store.run(waiting, [State.PENDING] * 3)
    assert len(await store.read(executions.by_ids, range(1, 70_000))) == 3
    assert await store.read(executions.by_ids, []) == []


async def test_how_things_stand(store: Store) -> None:
    await store.run(waiting, list(State))
    await store.run(waiting, list(State))
    everything = await store.read(executions.load_statuses, ExecutionFilter(), 10)
    assert everything == {
        1: ("PENDING", False),
        2: ("RUNNING", False),
        7: ("PENDING", False),
        8: ("RUNNING", False),
        11: ("TIMEOUT", False),
        12: ("CANCELLED", False),
    }
    narrowed = ExecutionFilter(server_id=1, states=("SUCCESS",))
    assert await store.read(executions.load_statuses, narrowed, 10) == {1: ("PENDING", False), 2: ("RUNNING", False)}


async def test_the_newest_execution_of_each_task(store: Store) -> None:
    def fill(conn: Connection) -> None:
        for _ in range(3):
            rows.task(conn)
        for task_id in (1, 2, 1, 2, 1, None):
            rows.pending(conn, server_id=1, task_id=task_id)
        tasks.delete(conn, 2, rows.NOON)

    await store.run(fill)
    found = await store.read(executions.list_latest_of_tasks, [1, 2, 3, 99])
    assert {row.task_id: row.id for row in found} == {1: 5, 2: 4}
