"""Queries on `output_chunks`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from db import rows
from db.models import OutputChunk, TaskExecution
from db.values import State, Stream

chunks = rows.get_table(OutputChunk)
executions = rows.get_table(TaskExecution)
GROW = (
    update(executions)
    .where(executions.c.id == bindparam("execution"))
    .values(stdout_bytes=bindparam("stdout_bytes"), stderr_bytes=bindparam("stderr_bytes"))
)


@dataclass(frozen=True, slots=True)
class NewChunk:
    """At most 64 KiB of one stream, starting at `stream_offset`."""

    execution_id: int
    fence: int
    stream: Stream
    stream_offset: int
    at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamEnds:
    """The number of stored bytes of each stream of an execution: the next bytes go there."""

    ends: dict[Stream, int]

    def accept(self, chunk: NewChunk) -> dict[str, Any] | None:
        """Return the row for the bytes that are not stored yet, and advance the end; None without any."""
        end = self.ends[chunk.stream]
        start = max(chunk.stream_offset, end)
        data = chunk.data[start - chunk.stream_offset :]
        if not data:
            return None
        position = sum(self.ends.values()) + start - end
        self.ends[chunk.stream] = start + len(data)
        return {
            "execution_id": chunk.execution_id,
            "position": position,
            "stream": chunk.stream,
            "stream_offset": start,
            "size": len(data),
            "at": chunk.at,
            "data": data,
        }

    def values(self) -> dict[str, Any]:
        return {"stdout_bytes": self.ends[Stream.STDOUT], "stderr_bytes": self.ends[Stream.STDERR]}


def append(conn: Connection, new: Sequence[NewChunk]) -> set[int]:
    """Store chunks in order and update the executions' byte counts. Bytes that are already stored are skipped.

    Returns the ids of executions that no longer run under the chunk's fence: nothing was written for those.
    """
    fences = {chunk.execution_id: chunk.fence for chunk in new}
    held = _lock_running(conn, fences)
    ours = (chunk for chunk in new if chunk.execution_id in held and chunk.fence == fences[chunk.execution_id])
    new_rows = [row for chunk in ours if (row := held[chunk.execution_id].accept(chunk)) is not None]
    if new_rows:
        conn.execute(insert(chunks), new_rows)
        grown = {row["execution_id"] for row in new_rows}
        conn.execute(GROW, [{"execution": id} | held[id].values() for id in sorted(grown)])
    return fences.keys() - held


def _lock_running(conn: Connection, fences: dict[int, int]) -> dict[int, StreamEnds]:
    """Lock the executions that are running under these fences until the commit, and return their stream ends."""
    columns = (
        executions.c.id,
        executions.c.fence,
        executions.c.state,
        executions.c.stdout_bytes,
        executions.c.stderr_bytes,
    )
    # By id alone: with a condition on the state, PostgreSQL may read all running rows instead (outdated statistics).
    query = select(*columns).where(executions.c.id.in_(fences)).order_by(executions.c.id).with_for_update()
    return {
        row.id: StreamEnds({Stream.STDOUT: row.stdout_bytes, Stream.STDERR: row.stderr_bytes})
        for row in conn.execute(query)
        if row.state == State.RUNNING and row.fence == fences[row.id]
    }


def list_after(
    conn: Connection, execution_id: int, position: int, *, max_bytes: int = 262_144, most: int = 256
) -> list[OutputChunk]:
    """Return chunks in order, from the one that holds `position`: at least one, and about `max_bytes` at most."""
    holder = select(func.max(chunks.c.position)).where(
        chunks.c.execution_id == execution_id, chunks.c.position <= position
    )
    beyond = (
        chunks.c.execution_id == execution_id,
        chunks.c.position >= func.coalesce(holder.scalar_subquery(), 0),
        chunks.c.position + chunks.c.size > position,
    )
    few = select(chunks.c.position, chunks.c.size).where(*beyond).order_by(chunks.c.position).limit(most).subquery()
    sizes_before = func.sum(few.c.size).over(order_by=few.c.position) - few.c.size
    summed = select(few.c.position, sizes_before.label("size_before")).subquery()
    last = select(func.max(summed.c.position)).where(summed.c.size_before < max_bytes).scalar_subquery()
    query = select(chunks).where(*beyond, chunks.c.position <= last).order_by(chunks.c.position)
    return rows.load_all(conn, query, OutputChunk)


def load_tail(conn: Connection, execution_id: int, position: int, most: int) -> dict[Stream, bytes]:
    """Return up to `most` bytes of each stream that come right before `position`."""
    found: dict[Stream, bytes] = {}
    for stream in Stream:
        query = (
            select(chunks)
            .where(chunks.c.execution_id == execution_id, chunks.c.stream == stream, chunks.c.position < position)
            .order_by(chunks.c.position.desc())
            .limit(most)
        )
        parts = [bytes(row.data)[: position - row.position] for row in rows.load_all(conn, query, OutputChunk)]
        found[stream] = b"".join(parts[::-1])[-most:]
    return found


def load_totals(conn: Connection, execution_id: int) -> tuple[int, int]:
    """Return the stored bytes of stdout and of stderr."""
    query = select(executions.c.stdout_bytes, executions.c.stderr_bytes).where(executions.c.id == execution_id)
    found = conn.execute(query).first()
    return (0, 0) if found is None else (found[0], found[1])
