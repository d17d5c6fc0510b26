"""A fleet run's output has the order in which it became final, and a place in it that nothing takes later."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, insert, text

from db import claims, fleet_output, output, transitions
from db.fleet_models import FleetMember, FleetRun
from db.fleet_output import START, FleetChunk, FleetOutputFound, Place
from db.models import TaskExecution
from db.output import NewChunk, OutputEnd
from db.output_gap import OutputGap
from db.rows import get_table
from db.store import Store, open_store
from db.values import OnRefused, State, Stream, Trigger
from db.visibility import EVERYTHING
from runner.bus import Bus
from runner.retention import Retention, RetentionPolicy
from tests.support import rows
from tests.support.postgres import Postgres

pytestmark = pytest.mark.anyio

FLUSHES = "SELECT fleet_run_id, execution_id, position, size FROM fleet_output ORDER BY xid, id"
EARLY = """INSERT INTO fleet_output (xid, fleet_run_id, execution_id, position, size)
  SELECT pg_current_xact_id()::text::bigint, fleet_run_id, id, 0, 5 FROM task_executions WHERE id = $1"""
EARLY_CHUNK = """INSERT INTO output_chunks
  (execution_id, position, stream, stream_offset, lines_before, size, at, data)
  VALUES ($1, 0, 'stdout', 0, 0, 5, now(), 'early')"""


def start(conn: Connection, count: int, *, in_fleet: bool = True) -> list[TaskExecution]:
    """Executions that run, of fleet run 1 or of none; in order of ids."""
    servers = [rows.server(conn) for _ in range(count)]
    if in_fleet:
        values: dict[str, Any] = {"trigger": Trigger.API, "command": "true", "work": {}, "selector": {}, "size": count}
        values |= {"on_refused": OnRefused.SKIP, "plan_digest": "0" * 64, "state": State.RUNNING, "started": count}
        conn.execute(insert(get_table(FleetRun)).values(values | {"created_at": rows.NOON, "created_by": 1}))
        members = [
            {"fleet_run_id": 1, "position": at, "server_id": server.id, "state": "STARTED"}
            for at, server in enumerate(servers)
        ]
        conn.execute(insert(get_table(FleetMember)), members)
    for server in servers:
        rows.pending(conn, server_id=server.id, fleet_run_id=1 if in_fleet else None)
    found = claims.claim(conn, runner_id="r", at=rows.NOON, limit=count)
    return sorted(found, key=lambda row: row.id)


def cut(row: TaskExecution, offset: int, data: bytes, gap: OutputGap | None = None) -> NewChunk:
    return NewChunk(row.id, row.fence, Stream.STDOUT, offset, rows.NOON, data, gap)


async def read(store: Store, after: Place = START) -> FleetOutputFound:
    found = await store.read(fleet_output.read, 1, after, EVERYTHING)
    assert isinstance(found, FleetOutputFound)
    return found


def list_data(found: list[FleetChunk]) -> list[bytes]:
    return [chunk.data for chunk in found]


async def list_flushes(store: Store) -> list[tuple[int, ...]]:
    return await store.read(lambda conn: [tuple(row) for row in conn.execute(text(FLUSHES))])


async def test_each_flush_of_each_execution_is_noted_with_what_it_stored(store: Store) -> None:
    one, two = await store.run(start, 2)
    await store.run(output.append, [cut(one, 0, b"abc"), cut(two, 0, b"x"), cut(one, 3, b"de")])
    await store.run(output.append, [cut(one, 3, b"defg")])
    await store.run(output.append, [cut(one, 0, b"abc")])
    assert await list_flushes(store) == [(1, one.id, 0, 5), (1, two.id, 0, 1), (1, one.id, 5, 2)]


@pytest.mark.parametrize("stored", [0, 3])
async def test_what_is_stored_with_the_end_is_noted_once_also_if_some_of_it_was_stored_before(
    store: Store, stored: int
) -> None:
    (row,) = await store.run(start, 1)
    if stored:
        await store.run(output.append, [cut(row, 0, b"abc")])
    last = OutputEnd([cut(row, 0, b"abcdef")], {Stream.STDOUT: 6, Stream.STDERR: 0})
    values = {"state": State.SUCCESS, "end_time": rows.NOON}
    assert await store.run(transitions.finish, row.id, row.fence, values, last)
    assert sum(size for *_, size in await list_flushes(store)) == 6
    assert b"".join(list_data((await read(store)).rows)) == b"abcdef"


async def test_the_end_of_a_truncated_output_is_told_behind_its_gap(store: Store) -> None:
    (row,) = await store.run(start, 1)
    await store.run(output.append, [cut(row, 0, b"begin")])
    gap = OutputGap({Stream.STDOUT: 5, Stream.STDERR: 0}, {Stream.STDOUT: 105, Stream.STDERR: 0}, 3)
    last = OutputEnd([cut(row, 105, b"end", gap)], {Stream.STDOUT: 108, Stream.STDERR: 0})
    assert await store.run(transitions.finish, row.id, row.fence, {"state": State.FAILED, "end_time": rows.NOON}, last)
    assert [(chunk.offset, chunk.data) for chunk in (await read(store)).rows] == [(0, b"begin"), (105, b"end")]


async def test_output_outside_of_fleet_runs_is_not_noted(store: Store) -> None:
    (row,) = await store.run(start, 1, in_fleet=False)
    await store.run(output.append, [cut(row, 0, b"abc")])
    assert await list_flushes(store) == []


async def test_no_output_gets_a_place_before_what_was_read(postgres: Postgres) -> None:
    """A transaction that is open has the lowest number; what commits after it waits for it."""
    async with postgres.database() as url:
        store, slow = await open_store(url), await asyncpg.connect(url)
        try:
            one, two, three = await store.run(start, 3)
            await store.run(output.append, [cut(one, 0, b"first")])
            transaction = slow.transaction()
            await transaction.start()
            await slow.execute(EARLY, two.id)
            await slow.execute(EARLY_CHUNK, two.id)
            await store.run(output.append, [cut(three, 0, b"later")])
            found = await read(store)
            assert list_data(found.rows) == [b"first"]
            assert list_data((await read(store, found.edge)).rows) == []
            await transaction.commit()
            assert list_data((await read(store, found.edge)).rows) == [b"early", b"later"]
        finally:
            await slow.close()
            await store.close()


async def test_output_of_a_restored_database_is_told_although_its_numbers_were_ahead(postgres: Postgres) -> None:
    async with postgres.database() as url:
        store = await open_store(url)
        try:
            one, two = await store.run(start, 2)
            await store.run(output.append, [cut(one, 0, b"a"), cut(two, 0, b"b")])
            await store.run(lambda conn: conn.execute(text("UPDATE fleet_output SET xid = xid + 1000000000")) and None)
            assert list_data((await read(store)).rows) == []
            upkeep = Retention(bus=Bus(), store=store, policy=RetentionPolicy(), clock=lambda: rows.NOON)
            await upkeep.tick()
            assert list_data((await read(store)).rows) == [b"a", b"b"]
        finally:
            await store.close()
