"""What the settings keep for ever is never touched; what is over goes in pieces until none is left."""

from datetime import timedelta

import pytest

from db import executions, fleets
from db.executions import ExecutionFilter
from db.store import Store
from db.values import State
from runner.bus import Bus
from runner.retention import HOUR, Retention, RetentionPolicy
from tests.support import rows

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


async def history(store: Store, count: int) -> None:
    for n in range(count):
        await store.run(rows.pending, state=State.SUCCESS, end_time=rows.NOON - DAY + timedelta(seconds=n - 3))


async def kept(store: Store) -> int:
    return await store.read(executions.count, ExecutionFilter())


def upkeep(store: Store, policy: RetentionPolicy) -> Retention:
    return Retention(bus=Bus(), store=store, policy=policy, clock=lambda: rows.NOON)


async def test_by_default_nothing_is_removed(store: Store) -> None:
    await history(store, 5)
    assert await upkeep(store, RetentionPolicy()).tick() == HOUR
    assert await kept(store) == 5


async def test_what_is_over_for_longer_goes_piece_by_piece(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.retention.PIECE", 2)
    await history(store, 5)
    loop = upkeep(store, RetentionPolicy(executions=DAY))
    assert [await loop.tick() < HOUR, await kept(store)] == [True, 3]
    assert [await loop.tick() < HOUR, await kept(store)] == [True, 2]
    assert [await loop.tick(), await kept(store)] == [HOUR, 2]


async def test_fleet_runs_go_with_the_last_of_their_executions(store: Store) -> None:
    past = {"state": State.SUCCESS, "end_time": rows.NOON - DAY - timedelta(seconds=1)}
    server = await store.run(rows.server)
    run = await store.run(rows.fleet_run, [server.id], **past | {"created_at": rows.NOON - 2 * DAY})
    execution = await store.run(rows.pending, server_id=server.id, fleet_run_id=run.id, **past)
    await store.run(rows.join, execution)
    loop = upkeep(store, RetentionPolicy(executions=DAY))
    assert await loop.tick() < HOUR
    assert await kept(store) == 0
    assert await store.read(fleets.by_id, run.id) is None
