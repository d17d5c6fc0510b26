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
from db.models import TaskExecution
from db.output_models import OutputChunk
from db.values import State, Stream
from db.visibility import VisibilityScope
from resolvers import cursor, decoding, jumps, validation
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.output_tail import OutputSnapshot, OutputTail

POLL_SECONDS = 1.0
READ_BYTES = 256 * 1024
JOINED_BYTES = 64 * 1024
JOINED_TIME = timedelta(seconds=0.25)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive bytes of one stream, from its byte `offset` on.

    `cursor` is the position after them; `at` the time of receipt. `left_out`: how many bytes of both streams, that were
    over the output limit, are missing right before.
    """

    stream: Stream
    data: bytes
    cursor: str
    at: datetime
    offset: int
    left_out: int = 0


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
    yield _build_end(execution, position, await jumps.hide_names(ctx, execution.message))


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
    found = []
    for row in snapshot.rows:
        found.append(_build_chunk([row], position))
        position = row.position + row.size
    return execution, found


async def load_decoders(
    ctx: Context, execution_id: int, after: str | None, *, field: str = "after", only: Stream | None = None
) -> decoding.Decoders:
    """Return decoders of the server's encoding for the output after the cursor, which may be inside a character.

    `only`: the one stream that will be decoded.
    """
    visibility = ctx.visibility
    validation.check_id("execution_id", execution_id)
    position, told = cursor.decode(after, field), cursor.count_rests_told(after) or 0
    wanted = Stream if only is None else (only,)
    unit = partial(_load_decoders, told=told, wanted=tuple(wanted))
    snapshot, decoders = await ctx.service.store.read(unit, execution_id, position, visibility)
    _require_execution(snapshot, execution_id, position, field)
    return decoders


def _load_decoders(
    conn: Connection,
    execution_id: int,
    position: int,
    visibility: VisibilityScope,
    *,
    told: int,
    wanted: Sequence[Stream],
) -> tuple[OutputSnapshot, decoding.Decoders]:
    snapshot = _load_after(conn, execution_id, position, visibility, 1)
    if snapshot.execution is None:
        return snapshot, decoding.Decoders(told=told)
    return snapshot, decoding.load_decoders(conn, execution_id, position, told=told, wanted=wanted)


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
    first, last, size = joined[0], joined[-1], row.position + row.size - joined[0].position
    is_next = row.stream == first.stream and row.stream_offset == last.stream_offset + last.size
    return is_next and row.at - first.at <= JOINED_TIME and size <= JOINED_BYTES


def _build_chunk(joined: Sequence[OutputChunk], position: int) -> Chunk:
    """Build one event from consecutive rows of a stream, without what is before the position."""
    first, last = joined[0], joined[-1]
    data = bytes(first.data) if first is last else b"".join(row.data for row in joined)
    skipped = max(0, position - first.position)
    return Chunk(
        stream=Stream(first.stream),
        data=data[skipped:],
        cursor=cursor.encode(last.position + last.size),
        at=first.at,
        offset=first.stream_offset + skipped,
        left_out=max(0, first.position - position),
    )


def _build_state_change(execution: TaskExecution, position: int) -> StateChange:
    at = execution.end_time or execution.start_time or execution.created_at
    return StateChange(State(execution.state), execution.reason, at, cursor.encode(position))


def _build_end(execution: TaskExecution, position: int, message: str | None) -> End:
    return End(
        state=State(execution.state),
        reason=execution.reason,
        message=message,
        exit_code=execution.exit_code,
        exit_signal=execution.exit_signal,
        truncated=execution.truncated,
        at=execution.end_time or execution.created_at,
        cursor=cursor.encode(position),
    )
