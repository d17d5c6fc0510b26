"""Queries for the bytes right before a position in an output, which tell how to decode what comes after it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from db import rows
from db.models import Server, TaskExecution
from db.output import find_ends_before
from db.output_models import OutputChunk
from db.values import Stream

chunks = rows.get_table(OutputChunk)
executions = rows.get_table(TaskExecution)
servers = rows.get_table(Server)
CHUNK_BYTES = 64 * 1024
"""The most bytes of one chunk."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Consecutive bytes of one stream, from its byte `offset` on.

    `is_whole`: there is nothing right before them, as the stream or what comes after a gap of it begins there.
    """

    offset: int = 0
    data: bytes = b""
    is_whole: bool = True

    @property
    def end(self) -> int:
        return self.offset + len(self.data)

    def drop_before(self, offset: int) -> "Lead":
        return Lead(offset, self.data[offset - self.offset :], self.is_whole and offset == self.offset)


def load_encoding(conn: Connection, execution_id: int) -> str:
    """Return the encoding of the output of the execution's server."""
    query = select(servers.c.output_encoding).join(executions, executions.c.server_id == servers.c.id)
    return str(conn.scalar(query.where(executions.c.id == execution_id)))


def load_leads(
    conn: Connection, execution_id: int, position: int, most: int, wanted: Sequence[Stream] = tuple(Stream)
) -> dict[Stream, Lead]:
    """Return up to `most` bytes of each stream that come right before `position`. The log's length costs nothing."""
    ends = find_ends_before(conn, execution_id, position)
    return {stream: load_lead(conn, execution_id, stream, ends[stream], most) for stream in wanted}


def load_lead(conn: Connection, execution_id: int, stream: Stream, end: int, most: int) -> Lead:
    """Return up to `most` consecutive bytes of a stream that come right before its byte `end`.

    If that is in a gap, they are those before the gap. The log's length costs nothing.
    """
    if end <= 0 or most <= 0:
        return Lead(end, b"", is_whole=end <= 0)
    # By the offset in the stream: by position, all of the other stream's chunks would be read up to one of this.
    of_stream = (chunks.c.execution_id == execution_id, chunks.c.stream == stream, chunks.c.stream_offset < end)
    newest = select(func.max(chunks.c.stream_offset)).where(*of_stream).scalar_subquery()
    near = chunks.c.stream_offset > newest - most - CHUNK_BYTES
    query = select(chunks.c.stream_offset, chunks.c.data).where(*of_stream, near)
    start = -1
    parts: list[bytes] = []
    for row in conn.execute(query.order_by(chunks.c.stream_offset.desc()).limit(most)):
        data = bytes(row.data)[: end - row.stream_offset]
        if parts and row.stream_offset + len(data) != start:
            return Lead(start, b"".join(parts[::-1]))
        start = row.stream_offset
        parts.append(data)
    if not parts:
        return Lead(end)
    data = b"".join(parts[::-1])
    dropped = max(0, len(data) - most)
    return Lead(start + dropped, data[dropped:], is_whole=start + dropped == 0)
