"""What an execution waits for, from the tables of both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from db import claims, transitions, waiting
from db.models import TaskExecution
from db.store import Store
from db.visibility import EVERYTHING, VisibilityScope
from resolvers.waiting import Waiting, WaitReason, explain_wait
from tests.support import rows
from tests.support.costs import cost

pytestmark = pytest.mark.anyio


def add_pending(conn: Connection, /, count: int, **changes: object) -> list[TaskExecution]:
    server = rows.server(conn, **changes)
    return [rows.pending(conn, server_id=server.id) for _ in range(count)]


def load(conn: Connection, /, ids: list[int], *, after: float = 0, user_id: int | None = None) -> dict[int, Waiting]:
    """What they wait for, `after` so many seconds since noon."""
    visibility = EVERYTHING if user_id is None else VisibilityScope(user_id)
    found = waiting.load(conn, ids, rows.at(after) - timedelta(seconds=5), visibility)
    return {id: explain_wait(run) for id, run in found.items()}


def claim(conn: Connection, /, limit: int) -> list[TaskExecution]:
    return claims.claim(conn, runner_id="r", at=rows.NOON, limit=limit)


def begin(conn: Connection, /, id: int) -> None:
    conn.execute(text("UPDATE task_executions SET remote = '{}' WHERE id = :id"), {"id": id})


async def test_what_no_runner_took_waits_for_one_in_the_order_of_its_server(store: Store) -> None:
    first = await store.run(add_pending, 2)
    other = await store.run(add_pending, 1)
    found = await store.read(load, [row.id for row in (*first, *other)])
    assert [found[row.id] for row in (*first, *other)] == [
        Waiting(WaitReason.RUNNER_CAPACITY, position) for position in (1, 2, 1)
    ]


async def test_beyond_the_servers_limit_it_waits_for_an_execution_there_to_end(store: Store) -> None:
    added = await store.run(add_pending, 3, max_parallel=1)
    (running,) = await store.run(claim, 10)
    await store.run(begin, running.id)
    found = await store.read(load, [row.id for row in added], after=60)
    assert found == {
        added[1].id: Waiting(WaitReason.SERVER_LIMIT, 1),
        added[2].id: Waiting(WaitReason.SERVER_LIMIT, 2),
    }


async def test_a_server_without_a_connection_for_some_seconds_is_unreachable(store: Store) -> None:
    added = await store.run(add_pending, 2, max_parallel=1)
    await store.run(claim, 10)
    assert await store.read(load, [added[0].id], after=4) == {}
    found = await store.read(load, [row.id for row in added], after=6)
    assert found == {
        added[0].id: Waiting(WaitReason.SERVER_UNREACHABLE),
        added[1].id: Waiting(WaitReason.SERVER_UNREACHABLE, 1),
    }


async def test_what_has_ended_waits_for_nothing(store: Store) -> None:
    (added,) = await store.run(add_pending, 1)
    await store.run(transitions.request_cancel, added.id, rows.NOON)
    assert await store.read(load, [added.id], after=60) == {}


async def test_who_may_not_see_the_server_is_told_nothing(store: Store) -> None:
    (added,) = await store.run(add_pending, 1)
    stranger = await store.run(rows.user, "grace")
    assert await store.read(load, [added.id], user_id=stranger.id) == {}


async def test_a_long_queue_costs_no_more_than_what_is_counted_of_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_AHEAD", 50)
    short, long = await store.run(add_pending, 60), await store.run(add_pending, 300)
    counted = await store.read(load, [short[20].id, long[-1].id])
    assert [counted[row.id].position for row in (short[20], long[-1])] == [21, None]
    looked = [await store.run(cost, waiting.load, [each[-1].id], rows.NOON, EVERYTHING) for each in (short, long)]
    assert looked[1] <= looked[0] + 30
