"""Changes of state: only the allowed ones, only by who holds the fence, and a final state never changes."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection

from db import claims, executions, output, transitions
from db.models import TaskExecution
from db.output import NewChunk, OutputEnd
from db.store import Store
from db.values import Reason, State, Stream
from tests.support import rows
from tests.support.statements import counted

pytestmark = pytest.mark.anyio

SUCCESS = {"state": State.SUCCESS, "reason": Reason.EXIT_STATUS, "exit_code": 0, "end_time": rows.at(9)}


async def claimed(store: Store, **changes: Any) -> TaskExecution:
    await store.run(rows.pending, **changes)
    (row,) = await store.run(claims.claim, runner_id="runner", at=rows.at(1), limit=1)
    return row


def in_state(conn: Connection, state: State) -> TaskExecution:
    return rows.pending(conn, state=state, fence=1, runner_id="runner", end_time=rows.at(2) if state.is_final else None)


async def state_of(store: Store, id: int) -> str:
    row = await store.read(executions.by_id, id)
    assert row is not None
    return row.state


async def test_the_holder_of_the_fence_notes_and_finishes(store: Store) -> None:
    row = await claimed(store)
    assert await store.run(transitions.update_claimed, row.id, row.fence, {"mode": "attached"})
    assert await store.run(transitions.finish, row.id, row.fence, SUCCESS)
    found = await store.read(executions.by_id, row.id)
    assert found is not None
    assert (found.mode, found.state, found.reason, found.exit_code) == ("attached", "SUCCESS", "EXIT_STATUS", 0)


@pytest.mark.parametrize("fence", [0, 2])
async def test_a_stale_writer_changes_nothing(store: Store, fence: int) -> None:
    row = await claimed(store)
    assert not await store.run(transitions.update_claimed, row.id, fence, {"message": "stale"})
    assert not await store.run(transitions.finish, row.id, fence, SUCCESS)
    assert await store.read(executions.by_id, row.id) == row


@pytest.mark.parametrize("state", [state for state in State if state.is_final or state is State.PENDING])
async def test_only_a_running_execution_is_finished(store: Store, state: State) -> None:
    row = await store.run(in_state, state)
    assert not await store.run(transitions.finish, row.id, row.fence, SUCCESS | {"state": State.FAILED})
    assert await store.read(executions.by_id, row.id) == row


async def test_of_two_ends_one_counts(store: Store) -> None:
    row = await claimed(store)
    ends = [SUCCESS | {"state": state} for state in (State.SUCCESS, State.FAILED) * 5]
    found = await asyncio.gather(*(store.run(transitions.finish, row.id, row.fence, end) for end in ends))
    (first,) = [index for index, end in enumerate(found) if end is not None]
    assert await state_of(store, row.id) == ends[first]["state"]


async def test_a_number_that_a_target_made_up_is_kept(store: Store) -> None:
    """SSH's exit status has 32 bits without a sign, and a run that was taken over may be weeks old."""
    row = await claimed(store)
    values = SUCCESS | {"state": State.FAILED, "exit_code": 2**32 - 1, "duration_ms": 10**12}
    assert await store.run(transitions.finish, row.id, row.fence, values)
    found = await store.read(executions.by_id, row.id)
    assert found is not None
    assert (found.exit_code, found.duration_ms) == (2**32 - 1, 10**12)


def last_of(row: TaskExecution, fence: int) -> OutputEnd:
    """Three chunks of both streams, after what `begin` stored: `err` and `a`."""
    parts = [(Stream.STDOUT, 1, b"b\0"), (Stream.STDERR, 3, b"or"), (Stream.STDOUT, 3, b"c")]
    chunks = [NewChunk(row.id, fence, stream, offset, rows.at(2), data) for stream, offset, data in parts]
    return OutputEnd(chunks, {Stream.STDOUT: 4, Stream.STDERR: 5})


def begin(row: TaskExecution, *more: NewChunk) -> list[NewChunk]:
    first = [(Stream.STDERR, b"err"), (Stream.STDOUT, b"a")]
    return [*(NewChunk(row.id, row.fence, stream, 0, rows.at(1), data) for stream, data in first), *more]


async def list_stored(store: Store, id: int) -> list[tuple[int, str, int, int, bytes]]:
    found = await store.read(output.list_after, id, 0)
    return [(each.position, each.stream, each.stream_offset, each.size, bytes(each.data)) for each in found]


async def test_the_last_output_is_stored_with_the_end(store: Store) -> None:
    row = await claimed(store)
    await store.run(output.append, begin(row))
    with counted() as statements:
        ended = await store.run(transitions.finish, row.id, row.fence, SUCCESS, last_of(row, row.fence))
    assert len(statements) == 1 or store.dialect == "sqlite", statements
    assert ended == await store.read(executions.by_id, row.id)
    assert ended is not None
    assert (ended.state, ended.stdout_bytes, ended.stderr_bytes) == ("SUCCESS", 4, 5)
    assert (await list_stored(store, row.id))[2:] == [
        (4, "stdout", 1, 2, b"b\0"),
        (6, "stderr", 3, 2, b"or"),
        (8, "stdout", 3, 1, b"c"),
    ]
    assert {chunk.at for chunk in await store.read(output.list_after, row.id, 4)} == {rows.at(2)}


@pytest.mark.parametrize("fence", [0, 2])
async def test_a_stale_writer_ends_nothing_and_stores_nothing(store: Store, fence: int) -> None:
    row = await claimed(store)
    await store.run(output.append, begin(row))
    before = await store.read(executions.by_id, row.id)
    assert await store.run(transitions.finish, row.id, fence, SUCCESS, last_of(row, fence)) is None
    assert await store.read(executions.by_id, row.id) == before
    assert len(await list_stored(store, row.id)) == 2


async def test_an_end_whose_output_is_stored_in_part_stores_the_rest(store: Store) -> None:
    """The answer to the write before got lost: what it stored comes again with the end."""
    row = await claimed(store)
    last = last_of(row, row.fence)
    await store.run(output.append, begin(row, last.chunks[0]))
    ended = await store.run(transitions.finish, row.id, row.fence, SUCCESS, last)
    assert ended is not None
    assert (ended.state, ended.stdout_bytes, ended.stderr_bytes) == ("SUCCESS", 4, 5)
    assert [each[-1] for each in await list_stored(store, row.id)] == [b"err", b"a", b"b\0", b"or", b"c"]


async def test_what_has_not_started_is_cancelled_at_once(store: Store) -> None:
    row = await store.run(rows.pending)
    assert await store.run(transitions.request_cancel, row.id, rows.at(3)) == "cancelled"
    found = await store.read(executions.by_id, row.id)
    assert found is not None
    assert (found.state, found.reason, found.end_time, found.cancel_at) == (
        "CANCELLED",
        "CANCELLED",
        rows.at(3),
        rows.at(3),
    )
    assert found.verified_gone is None, "nobody looked"
    assert await store.run(claims.claim, runner_id="runner", at=rows.NOON, limit=1) == []


async def test_what_runs_is_asked_to_stop_once(store: Store) -> None:
    row = await claimed(store)
    assert await store.run(transitions.request_cancel, row.id, rows.at(3)) == "requested"
    assert await store.run(transitions.request_cancel, row.id, rows.at(4)) == "requested"
    found = await store.read(executions.by_id, row.id)
    assert found is not None
    assert (found.state, found.cancel_at, found.fence) == ("RUNNING", rows.at(3), row.fence)
    assert await store.read(transitions.list_cancel_requests, "runner") == [row.id]
    assert await store.read(transitions.list_cancel_requests, "another runner") == []
    assert await store.run(transitions.finish, row.id, row.fence, SUCCESS)
    assert await store.read(transitions.list_cancel_requests, "runner") == []


@pytest.mark.parametrize("state", [state for state in State if state.is_final])
async def test_what_has_ended_is_not_cancelled(store: Store, state: State) -> None:
    row = await store.run(in_state, state)
    assert await store.run(transitions.request_cancel, row.id, rows.at(3)) == "final"
    assert await store.run(transitions.request_cancel, 4711, rows.at(3)) == "final"
    assert await store.read(executions.by_id, row.id) == row


async def test_a_cancel_that_meets_a_claim_is_either_at_once_or_a_request(store: Store) -> None:
    server = await store.run(rows.server, max_parallel=100)
    made = [(await store.run(rows.pending, server_id=server.id)).id for _ in range(30)]
    claim = store.run(claims.claim, runner_id="runner", at=rows.NOON, limit=10)
    cancels = [store.run(transitions.request_cancel, id, rows.at(3)) for id in made]
    taken, answers = await asyncio.gather(claim, asyncio.gather(*cancels))
    ours = {row.id for row in taken}
    for id, answer in zip(made, answers, strict=True):
        assert answer == ("requested" if id in ours else "cancelled")
        assert await state_of(store, id) == ("RUNNING" if id in ours else "CANCELLED")
    assert set(await store.read(transitions.list_cancel_requests, "runner")) == ours


async def test_adopting_takes_what_others_held_and_fences_them_off(store: Store) -> None:
    theirs = await claimed(store)
    waiting = await store.run(rows.pending)
    ended = await store.run(in_state, State.SUCCESS)
    (taken,) = await store.run(transitions.adopt, runner_id="the next")
    assert (taken.id, taken.runner_id, taken.fence) == (theirs.id, "the next", theirs.fence + 1)
    assert not await store.run(transitions.finish, theirs.id, theirs.fence, SUCCESS)
    assert await store.run(transitions.adopt, runner_id="the next") == []
    assert await store.run(transitions.finish, taken.id, taken.fence, SUCCESS)
    for row in (waiting, ended):
        assert await store.read(executions.by_id, row.id) == row


async def test_a_claim_whose_answer_got_lost_is_found_again(store: Store) -> None:
    lost = await claimed(store)
    driven = await claimed(store)
    (found,) = await store.run(transitions.adopt_strays, runner_id="runner", driven=[driven.id])
    assert (found.id, found.fence) == (lost.id, lost.fence + 1)
    assert await store.run(transitions.adopt_strays, runner_id="another", driven=[]) == []
