"""Follow an execution's output: one generator for every face joins history and live output without gap or repeat.

Watch; loop {read the state and the rows after the cursor; yield; stop if that state was final; wait}. State and rows
are of one snapshot, so that after a final state all rows have been read. All who wait for the same share one read.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from db import executions, output
from db.models import OutputChunk, TaskExecution
from db.values import State, Stream
from db.visibility import VisibilityScope
from resolvers import cursor, validation
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.output_tail import OutputSnapshot, OutputTail

POLL_SECONDS = 1.0
READ_BYTES = 256 * 1024
# A UTF-8 character has at most four bytes, so at most three come before its last one.
LEAD_BYTES = 3
JOINED_BYTES = 64 * 1024
JOINED_TIME = timedelta(seconds=0.25)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive bytes of one stream. `cursor` is the position after them; `at` the time of receipt."""

    stream: Stream
    data: bytes
    cursor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StateChange:
    state: State
    reason: str | None
    at: datetime
    cursor: str


@dataclass(frozen=True, slots=True)
class End:
    """The last event. `message` explains in words why the run ended, if sshcast and not the command ended it."""

    state: State
    reason: str | None
    message: str | None
    exit_code: int | None
    exit_signal: str | None
    truncated: bool
    at: datetime
    cursor: str


OutputEvent = Chunk | StateChange | End


async def follow(
    ctx: Context, execution_id: int, after: str | None = None, *, field: str = "after"
) -> AsyncGenerator[OutputEvent, None]:
    """Yield every event after the cursor `after` (None: from the beginning), live until the end.

    `field` is the name of the cursor's field in errors. Raises Invalid, NotFound, Unauthenticated or RateLimited.
    """
    validation.check_id("execution_id", execution_id)
    position, told = cursor.decode(after, field), None
    with ctx.reserve_stream() as viewer:
        async with _join_tail(ctx, execution_id, viewer.visibility) as tail:
            snapshot = await tail.load(position)
            while True:
                execution = _require_execution(snapshot, execution_id, position, field)
                if _is_news(execution, told):
                    told = execution.state
                    yield _build_state_change(execution, position)
                for joined in _join_rows(snapshot.rows):
                    chunk = _build_chunk(joined, position)
                    position = joined[-1].position + joined[-1].size
                    yield chunk
                if snapshot.complete and State(execution.state).is_final:
                    break
                snapshot = await tail.load_after(position, snapshot)
    yield _build_state_change(execution, position)
    yield _build_end(execution, position)


def _join_tail(ctx: Context, execution_id: int, visibility: VisibilityScope) -> AbstractAsyncContextManager[OutputTail]:
    load = partial(_load_alone, ctx, execution_id, visibility)
    return ctx.service.tails.join(ctx.service.bus, execution_id, visibility, load=load, poll_seconds=POLL_SECONDS)


async def _load_alone(ctx: Context, execution_id: int, visibility: VisibilityScope, position: int) -> OutputSnapshot:
    return await ctx.service.store.read(_load_after, execution_id, position, visibility)


def _is_news(execution: TaskExecution, told: str | None) -> bool:
    """Tell whether to report a state: not the final one, which comes last, nor one from a read before the last one."""
    return not State(execution.state).is_final and told not in (execution.state, State.RUNNING)


async def read(ctx: Context, execution_id: int, after: str | None, max_bytes: int) -> tuple[TaskExecution, list[Chunk]]:
    """Return the execution and its stored output after the cursor, about `max_bytes` at most."""
    visibility = ctx.visibility
    validation.check_id("execution_id", execution_id)
    position = cursor.decode(after, "cursor")
    snapshot = await ctx.service.store.read(_load_after, execution_id, position, visibility, max_bytes)
    execution = _require_execution(snapshot, execution_id, position, field="cursor")
    return execution, [_build_chunk([row], position) for row in snapshot.rows]


async def load_lead_bytes(
    ctx: Context, execution_id: int, after: str | None, *, field: str = "after"
) -> dict[Stream, bytes]:
    """Return the last few bytes of each stream before the cursor, which may be inside a character."""
    visibility = ctx.visibility
    validation.check_id("execution_id", execution_id)
    position = cursor.decode(after, field)
    snapshot = await ctx.service.store.read(_load_after, execution_id, position, visibility, 1)
    _require_execution(snapshot, execution_id, position, field)
    if position == cursor.START:
        return {}
    return await ctx.service.store.read(output.load_tail, execution_id, position, LEAD_BYTES)


def _load_after(
    conn: Connection, execution_id: int, position: int, visibility: VisibilityScope, max_bytes: int = READ_BYTES
) -> OutputSnapshot:
    execution = executions.by_id(conn, execution_id, visibility)
    if execution is None:
        return OutputSnapshot(None, [], complete=True)
    stored = execution.stdout_bytes + execution.stderr_bytes
    rows = output.list_after(conn, execution_id, position, max_bytes=max_bytes) if position < stored else []
    return OutputSnapshot(execution, rows, complete=not rows or rows[-1].position + rows[-1].size >= stored)


def _require_execution(
    snapshot: OutputSnapshot, execution_id: int, position: int, field: str = "after"
) -> TaskExecution:
    if snapshot.execution is None:
        raise NotFound.for_object("execution", execution_id)
    if position > snapshot.execution.stdout_bytes + snapshot.execution.stderr_bytes:
        raise Invalid(field, "is beyond this execution's output: it is another one's.", "超出此执行的输出范围。")
    return snapshot.execution


def _join_rows(rows: Sequence[OutputChunk]) -> Iterator[list[OutputChunk]]:
    """Yield what is told as one: a watcher who is behind catches up with fewer and larger events."""
    joined: list[OutputChunk] = []
    for row in rows:
        if joined and not _is_continued(joined, row):
            yield joined
            joined = []
        joined.append(row)
    if joined:
        yield joined


def _is_continued(joined: Sequence[OutputChunk], row: OutputChunk) -> bool:
    first, size = joined[0], row.position + row.size - joined[0].position
    return row.stream == first.stream and row.at - first.at <= JOINED_TIME and size <= JOINED_BYTES


def _build_chunk(joined: Sequence[OutputChunk], position: int) -> Chunk:
    """Build one event from consecutive rows of a stream, without what is before the position."""
    first, last = joined[0], joined[-1]
    data = bytes(first.data) if first is last else b"".join(row.data for row in joined)
    return Chunk(
        Stream(first.stream),
        data[max(0, position - first.position) :],
        cursor.encode(last.position + last.size),
        first.at,
    )


def _build_state_change(execution: TaskExecution, position: int) -> StateChange:
    at = execution.end_time or execution.start_time or execution.created_at
    return StateChange(State(execution.state), execution.reason, at, cursor.encode(position))


def _build_end(execution: TaskExecution, position: int) -> End:
    return End(
        state=State(execution.state),
        reason=execution.reason,
        message=execution.message,
        exit_code=execution.exit_code,
        exit_signal=execution.exit_signal,
        truncated=execution.truncated,
        at=execution.end_time or execution.created_at,
        cursor=cursor.encode(position),
    )
