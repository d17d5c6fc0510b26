"""Queries on `output_chunks`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from db import rows
from db.models import OutputChunk, TaskExecution
from db.values import State, Stream

chunks = rows.table_of(OutputChunk)
executions = rows.table_of(TaskExecution)
MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class NewChunk:
    """At most 64 KiB of one stream; see OutputChunk for `position` and `stream_offset`."""

    execution_id: int
    fence: int
    stream: Stream
    stream_offset: int
    position: int
    at: datetime
    data: bytes


def append(conn: Connection, new: Sequence[NewChunk]) -> set[int]:
    """Store chunks and the sizes they bring. Writing one again changes nothing.

    Returns the ids of executions whose fence has moved on: nothing of those was written.
    """
    fences = {chunk.execution_id: chunk.fence for chunk in new}
    held = holders(conn, fences)
    kept = [chunk for chunk in new if chunk.execution_id in held]
    if kept:
        statement = postgresql.insert(chunks) if conn.dialect.name == "postgresql" else sqlite.insert(chunks)
        conn.execute(statement.on_conflict_do_nothing(), [values_of(chunk) for chunk in kept])
        grow(conn, kept)
    return fences.keys() - held


def holders(conn: Connection, fences: dict[int, int]) -> set[int]:
    """Which of these executions are still running under these fences; locked until the commit."""
    query = (
        select(executions.c.id, executions.c.fence)
        .where(executions.c.id.in_(fences), executions.c.state == State.RUNNING)
        .order_by(executions.c.id)
        .with_for_update()
    )
    return {id for id, fence in conn.execute(query) if fences[id] == fence}


def grow(conn: Connection, kept: Iterable[NewChunk]) -> None:
    """The sizes on the execution's row: where the furthest stored chunk of each stream ends."""
    ends: dict[tuple[int, Stream], int] = {}
    for chunk in kept:
        key = (chunk.execution_id, chunk.stream)
        ends[key] = max(ends.get(key, 0), chunk.stream_offset + len(chunk.data))
    for (execution_id, stream), end in ends.items():
        column = executions.c.stdout_bytes if stream is Stream.STDOUT else executions.c.stderr_bytes
        further = case((column < end, end), else_=column)
        conn.execute(update(executions).where(executions.c.id == execution_id).values({column: further}))


def values_of(chunk: NewChunk) -> dict[str, Any]:
    return {
        "execution_id": chunk.execution_id,
        "position": chunk.position,
        "stream": chunk.stream,
        "stream_offset": chunk.stream_offset,
        "size": len(chunk.data),
        "at": chunk.at,
        "data": chunk.data,
    }


def after(
    conn: Connection, execution_id: int, position: int, *, max_bytes: int = 262_144, most: int = 256
) -> list[OutputChunk]:
    """Chunks in order from the one that holds `position` on: at least one, then no more than about `max_bytes`."""
    query = (
        select(chunks)
        .where(
            chunks.c.execution_id == execution_id,
            chunks.c.position > position - MOST_BYTES,
            chunks.c.position + chunks.c.size > position,
        )
        .order_by(chunks.c.position)
        .limit(most)
    )
    found: list[OutputChunk] = []
    size = 0
    for row in rows.all_of(conn, query, OutputChunk):
        found.append(row)
        size += row.size
        if size >= max_bytes:
            break
    return found


def before(conn: Connection, execution_id: int, position: int, most: int) -> dict[Stream, bytes]:
    """The last bytes of each stream before `position`, up to `most`."""
    found: dict[Stream, bytes] = {}
    for stream in Stream:
        query = (
            select(chunks)
            .where(chunks.c.execution_id == execution_id, chunks.c.stream == stream, chunks.c.position < position)
            .order_by(chunks.c.position.desc())
            .limit(most)
        )
        parts = [bytes(row.data)[: position - row.position] for row in rows.all_of(conn, query, OutputChunk)]
        found[stream] = b"".join(parts[::-1])[-most:]
    return found


def totals(conn: Connection, execution_id: int) -> tuple[int, int]:
    """Stored bytes of stdout and of stderr."""
    query = select(executions.c.stdout_bytes, executions.c.stderr_bytes).where(executions.c.id == execution_id)
    found = conn.execute(query).first()
    return (0, 0) if found is None else (found[0], found[1])
