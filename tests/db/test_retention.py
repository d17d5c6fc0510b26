"""What is kept no longer is removed oldest first, in pieces, and never while something may still follow."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import Connection, func, insert, select

from db import executions, fleet_output, fleets, output, retention, slots
from db.fleet_models import FleetRun
from db.models import TaskExecution
from db.page import Window
from db.slots import SlotFilter
from db.store import Store
from db.values import FleetState, SlotOutcome, State, Stream
from tests.support import rows
from tests.support.fleets import count_statements

pytestmark = pytest.mark.anyio


def ended(conn: Connection, /, at: float, size: int = 3, **changes: object) -> TaskExecution:
    over = {"state": State.SUCCESS, "end_time": rows.at(at), "stdout_bytes": size}
    row = rows.pending(conn, **over, **changes)
    place = {"execution_id": row.id, "position": 0, "stream": Stream.STDOUT, "stream_offset": 0, "at": rows.NOON}
    conn.execute(insert(output.chunks), [place | {"size": 3, "data": b"out"}])
    return row


def left(conn: Connection) -> list[int]:
    return list(conn.scalars(select(executions.executions.c.id).order_by(executions.executions.c.id)))


def chunks(conn: Connection) -> int:
    return int(conn.scalar(select(func.count()).select_from(output.chunks)) or 0)


async def test_the_oldest_go_first_with_their_output_and_what_is_open_stays(store: Store) -> None:
    waiting = await store.run(rows.pending)
    newest, middle, oldest = [await store.run(ended, at) for at in (9, 5, 1)]
    assert await store.run(retention.prune, rows.at(9), 1) == 1
    assert await store.read(left) == [waiting.id, newest.id, middle.id], f"{oldest.id} was the oldest"
    assert await store.run(retention.prune, rows.at(9), 10) == 1
    assert await store.run(retention.prune, rows.at(9), 10) == 0
    assert await store.read(left) == [waiting.id, newest.id]
    assert await store.read(chunks) == 1


async def test_one_piece_holds_no_more_output_than_a_short_transaction_removes(store: Store) -> None:
    for at in range(3):
        await store.run(ended, at, retention.MOST_BYTES - 1)
    assert await store.run(retention.prune, rows.at(9), 10) == 2
    assert await store.run(retention.prune, rows.at(9), 10) == 1


async def test_a_run_that_may_be_tried_again_stays_until_its_slot_is_closed(store: Store) -> None:
    task = await store.run(rows.task)
    run = await store.run(ended, 1, task_id=task.id)
    line = {"task_id": task.id, "slot": rows.NOON, "outcome": SlotOutcome.FIRED, "decided_at": rows.NOON}
    await store.run(slots.record, [line | {"execution_id": run.id, "open": True, "retries_left": 1}])
    assert await store.run(retention.prune, rows.at(9), 10) == 0
    (slot,) = await store.read(slots.page, SlotFilter(), Window(limit=1))
    await store.run(slots.update_open, slot.id, {"open": False})
    assert await store.run(retention.prune, rows.at(9), 10) == 1
    (slot,) = await store.read(slots.page, SlotFilter(), Window(limit=1))
    assert slot.execution_id is None, "the ledger keeps its line"


def fleet_run(conn: Connection, servers: Sequence[int], at: float, /, **changes: object) -> FleetRun:
    """A fleet run that ended `at` seconds after noon, with an execution on each server that has output and ended."""
    ends = {"created_at": rows.NOON, "end_time": rows.at(at), "state": FleetState.SUCCESS}
    run = rows.fleet_run(conn, servers, **ends | changes)
    for id in servers:
        row = ended(conn, at, server_id=id, fleet_run_id=run.id)
        rows.join(conn, row)
        fleet_output.add(conn, {row.id: run.id}, [{"execution_id": row.id, "position": 0, "size": 3}])
    return run


def number(conn: Connection) -> tuple[int, ...]:
    """How many fleet runs, members, notes of output and executions there are."""
    tables = (fleets.runs, fleets.members, fleet_output.flushes, executions.executions)
    return tuple(int(conn.scalar(select(func.count()).select_from(table)) or 0) for table in tables)


def empty(conn: Connection, before: datetime) -> None:
    while retention.prune(conn, before, 200):
        pass


async def test_a_fleet_run_stays_until_its_last_execution_is_removed(store: Store) -> None:
    servers = [(await store.run(rows.server)).id for _ in range(3)]
    await store.run(fleet_run, servers, 1)
    assert await store.run(retention.prune, rows.at(9), 2) == 2
    assert await store.run(retention.prune_fleet_runs, rows.at(9), 10) == 0
    assert await store.read(number) == (1, 3, 1, 1)
    assert await store.run(retention.prune, rows.at(9), 2) == 1
    assert await store.run(retention.prune_fleet_runs, rows.at(9), 10) == 1
    assert await store.read(number) == (0, 0, 0, 0)


async def test_fleet_runs_that_go_on_or_ended_lately_stay(store: Store) -> None:
    servers = [(await store.run(rows.server)).id]
    task = await store.run(rows.task, server_id=servers[0])
    going = await store.run(rows.fleet_run, servers)
    lately = await store.run(rows.fleet_run, servers, end_time=rows.at(9), state=FleetState.FAILED)
    retried = await store.run(rows.fleet_run, servers, end_time=rows.at(1), state=FleetState.FAILED)
    line = {"task_id": task.id, "slot": rows.NOON, "outcome": SlotOutcome.FIRED, "decided_at": rows.NOON}
    await store.run(slots.record, [line | {"fleet_run_id": retried.id, "open": True, "retries_left": 1}])
    old = await store.run(rows.fleet_run, servers, end_time=rows.at(1), state=FleetState.FAILED)
    assert await store.run(retention.prune_fleet_runs, rows.at(9), 10) == 1
    left = await store.read(fleets.by_ids, [going.id, lately.id, retried.id, old.id])
    assert {row.id for row in left} == {going.id, lately.id, retried.id}


async def test_one_piece_of_fleet_runs_holds_so_many_members_and_few_statements(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_MEMBERS", 5)
    servers = [(await store.run(rows.server)).id for _ in range(4)]
    for at in range(5):
        await store.run(fleet_run, servers, at)
    await store.run(empty, rows.at(9))
    with count_statements() as found:
        removed = [await store.run(retention.prune_fleet_runs, rows.at(9), 200) for _ in range(4)]
    assert removed == [2, 2, 1, 0]
    assert len([each for each in found if "fleet" in each]) == 4 * 3
    assert await store.read(number) == (0, 0, 0, 0)
