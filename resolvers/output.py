"""Follow an execution's output: one generator for every face joins history and live output without gap or repeat.

Watch; loop {clear; read the state; read rows after the cursor; yield; stop if that state was final; wait}. The state is
read before the rows, so that after a final state all rows have been read.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from db import executions, output
from db.models import OutputChunk, TaskExecution
from db.values import State, Stream
from db.visibility import VisibilityScope
from resolvers import cursor, validation
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from runner import bus

POLL_SECONDS = 1.0
READ_BYTES = 256 * 1024
# A UTF-8 character has at most four bytes, so at most three come before its last one.
LEAD_BYTES = 3


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


@dataclass(frozen=True, slots=True)
class OutputSnapshot:
    """The execution and the output rows after a position, from one read."""

    execution: TaskExecution | None
    rows: list[OutputChunk]


async def follow(
    ctx: Context, execution_id: int, after: str | None = None, *, field: str = "after"
) -> AsyncGenerator[OutputEvent, None]:
    """Yield every event after the cursor `after` (None: from the beginning), live until the end.

    `field` is the name of the cursor's field in errors. Raises Invalid, NotFound, Unauthenticated or RateLimited.
    """
    validation.check_id("execution_id", execution_id)
    position, told = cursor.decode(after, field), None
    with ctx.reserve_stream() as viewer, ctx.service.bus.watch(bus.execution_address(execution_id)) as watch:
        while True:
            watch.clear()
            snapshot = await ctx.service.store.read(_load_after, execution_id, position, viewer.visibility)
            execution = _require_execution(snapshot, execution_id, position, field)
            if execution.state != told and not State(execution.state).is_final:
                told = execution.state
                yield _build_state_change(execution, position)
            for row in snapshot.rows:
                chunk = _build_chunk(row, position)
                position = row.position + row.size
                yield chunk
            if snapshot.rows:
                continue
            if State(execution.state).is_final:
                break
            await watch.wait(POLL_SECONDS)
    yield _build_state_change(execution, position)
    yield _build_end(execution, position)


async def read(ctx: Context, execution_id: int, after: str | None, max_bytes: int) -> tuple[TaskExecution, list[Chunk]]:
    """Return the execution and its stored output after the cursor, about `max_bytes` at most."""
    visibility = ctx.visibility
    validation.check_id("execution_id", execution_id)
    position = cursor.decode(after, "cursor")
    snapshot = await ctx.service.store.read(_load_after, execution_id, position, visibility, max_bytes)
    execution = _require_execution(snapshot, execution_id, position, field="cursor")
    return execution, [_build_chunk(row, position) for row in snapshot.rows]


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
    return OutputSnapshot(
        execution, output.list_after(conn, execution_id, position, max_bytes=max_bytes) if execution else []
    )


def _require_execution(
    snapshot: OutputSnapshot, execution_id: int, position: int, field: str = "after"
) -> TaskExecution:
    if snapshot.execution is None:
        raise NotFound.for_object("execution", execution_id)
    if position > snapshot.execution.stdout_bytes + snapshot.execution.stderr_bytes:
        raise Invalid(field, "is beyond this execution's output: it is another one's.", "超出此执行的输出范围。")
    return snapshot.execution


def _build_chunk(row: OutputChunk, position: int) -> Chunk:
    data = bytes(row.data)[max(0, position - row.position) :]
    return Chunk(Stream(row.stream), data, cursor.encode(row.position + row.size), row.at)


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
