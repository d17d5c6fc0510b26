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
    """At most 64 KiB of one stream, from `stream_offset` on."""

    execution_id: int
    fence: int
    stream: Stream
    stream_offset: int
    at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamEnds:
    """How many bytes of each stream an execution has: where the next ones go."""

    ends: dict[Stream, int]

    def accept(self, chunk: NewChunk) -> dict[str, Any] | None:
        """The row for what of the chunk is not stored yet, if any of it is; it counts as stored from then on."""
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
    """Store chunks in their order, and the sizes they bring. Bytes that are stored already change nothing.

    Returns the ids of executions whose fence has moved on: nothing of those was written.
    """
    fences = {chunk.execution_id: chunk.fence for chunk in new}
    held = _lock_running(conn, fences)
    ours = (chunk for chunk in new if chunk.execution_id in held and chunk.fence == fences[chunk.execution_id])
    kept = [row for chunk in ours if (row := held[chunk.execution_id].accept(chunk)) is not None]
    if kept:
        conn.execute(insert(chunks), kept)
        grown = {row["execution_id"] for row in kept}
        conn.execute(GROW, [{"execution": id} | held[id].values() for id in sorted(grown)])
    return fences.keys() - held


def _lock_running(conn: Connection, fences: dict[int, int]) -> dict[int, StreamEnds]:
    """Those of these executions that are running under these fences; locked until the commit."""
    wanted = (
        executions.c.id,
        executions.c.fence,
        executions.c.state,
        executions.c.stdout_bytes,
        executions.c.stderr_bytes,
    )
    # By id alone: with the state beside it, PostgreSQL may read all that runs instead (its statistics lag behind).
    query = select(*wanted).where(executions.c.id.in_(fences)).order_by(executions.c.id).with_for_update()
    return {
        row.id: StreamEnds({Stream.STDOUT: row.stdout_bytes, Stream.STDERR: row.stderr_bytes})
        for row in conn.execute(query)
        if row.state == State.RUNNING and row.fence == fences[row.id]
    }


def list_after(
    conn: Connection, execution_id: int, position: int, *, max_bytes: int = 262_144, most: int = 256
) -> list[OutputChunk]:
    """Chunks in order from the one that holds `position` on: at least one, then no more than about `max_bytes`."""
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
    """The last bytes of each stream before `position`, up to `most`."""
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
    """Stored bytes of stdout and of stderr."""
    query = select(executions.c.stdout_bytes, executions.c.stderr_bytes).where(executions.c.id == execution_id)
    found = conn.execute(query).first()
    return (0, 0) if found is None else (found[0], found[1])
