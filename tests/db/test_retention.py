"""What is kept no longer is removed oldest first, in pieces, and never while something may still follow."""

import pytest
from sqlalchemy import Connection, func, insert, select

from db import executions, output, retention, slots
from db.models import TaskExecution
from db.page import Window
from db.slots import SlotFilter
from db.store import Store
from db.values import SlotOutcome, State, Stream
from tests.support import rows

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
