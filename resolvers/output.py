"""An execution's output: one generator for every face, history and live joined without gap or repeat.

Watch; loop {clear; read the state; read rows after the cursor; yield; stop if that state was final; wait}. The state
is read before the rows, so a final state means that every row was there to be read.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from db import executions, output
from db.models import OutputChunk, TaskExecution
from db.sight import Sight
from db.values import State, Stream
from resolvers import cursor, rules
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from runner import bus

POLL_SECONDS = 1.0
READ_BYTES = 256 * 1024
# A character of UTF-8 has at most four bytes.
LEAD_BYTES = 3


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive bytes of one stream. `cursor` is the place after them; `at` when they were received."""

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
    """The last event: nothing follows. `message` says in words why the run ended, where the reason is ours."""

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
class Look:
    """One read: the execution as it stood, and the rows after a place."""

    execution: TaskExecution | None
    rows: list[OutputChunk]


async def follow(
    ctx: Context, execution_id: int, after: str | None = None, *, field: str = "after"
) -> AsyncGenerator[OutputEvent, None]:
    """Every event after the cursor `after` (None: from the beginning), live until the end. `field` is its name."""
    rules.identifier("execution_id", execution_id)
    position, told = cursor.decode(after, field), None
    with ctx.watching() as viewer, ctx.service.bus.watch(bus.execution_address(execution_id)) as watch:
        while True:
            watch.clear()
            look = await ctx.service.store.read(look_after, execution_id, position, viewer.sight)
            execution = existing(look, execution_id, position, field)
            if execution.state != told and not State(execution.state).final:
                told = execution.state
                yield state_change(execution, position)
            for row in look.rows:
                chunk = after_position(row, position)
                position = row.position + row.size
                yield chunk
            if look.rows:
                continue
            if State(execution.state).final:
                break
            await watch.wait(POLL_SECONDS)
    yield state_change(execution, position)
    yield end(execution, position)


async def read(ctx: Context, execution_id: int, after: str | None, max_bytes: int) -> tuple[TaskExecution, list[Chunk]]:
    """What there is now after the cursor, at most about `max_bytes`."""
    sight = ctx.sight
    rules.identifier("execution_id", execution_id)
    position = cursor.decode(after, "cursor")
    look = await ctx.service.store.read(look_after, execution_id, position, sight, max_bytes)
    execution = existing(look, execution_id, position, field="cursor")
    return execution, [after_position(row, position) for row in look.rows]


async def lead(ctx: Context, execution_id: int, after: str | None, *, field: str = "after") -> dict[Stream, bytes]:
    """The few bytes of each stream before the cursor: it may stand in the middle of a character."""
    sight = ctx.sight
    rules.identifier("execution_id", execution_id)
    position = cursor.decode(after, field)
    look = await ctx.service.store.read(look_after, execution_id, position, sight, 1)
    existing(look, execution_id, position, field)
    if position == cursor.START:
        return {}
    return await ctx.service.store.read(output.before, execution_id, position, LEAD_BYTES)


def look_after(conn: Connection, execution_id: int, position: int, sight: Sight, max_bytes: int = READ_BYTES) -> Look:
    execution = executions.by_id(conn, execution_id, sight)
    return Look(execution, output.after(conn, execution_id, position, max_bytes=max_bytes) if execution else [])


def existing(look: Look, execution_id: int, position: int, field: str = "after") -> TaskExecution:
    if look.execution is None:
        raise NotFound.named("execution", execution_id)
    if position > look.execution.stdout_bytes + look.execution.stderr_bytes:
        raise Invalid(field, "is beyond this execution's output: it is another one's.", "超出此执行的输出范围。")
    return look.execution


def after_position(row: OutputChunk, position: int) -> Chunk:
    data = bytes(row.data)[max(0, position - row.position) :]
    return Chunk(Stream(row.stream), data, cursor.encode(row.position + row.size), row.at)


def state_change(execution: TaskExecution, position: int) -> StateChange:
    at = execution.end_time or execution.start_time or execution.created_at
    return StateChange(State(execution.state), execution.reason, at, cursor.encode(position))


def end(execution: TaskExecution, position: int) -> End:
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
