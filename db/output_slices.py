"""Queries on `output_chunks` by line, and of a part of an output: each reads that part, however long the output is."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import BigInteger, Connection, Select, String, bindparam, func, select

from db.models import TaskExecution
from db.output import LINE_FEED, chunks
from db.output_models import OutputChunk
from db.values import Stream

MOST_CHUNKS = 16_384
EXECUTION = bindparam("execution", type_=BigInteger)
PLACE = bindparam("place", type_=BigInteger)
BY_LINE = (
    select(chunks.c.position, chunks.c.size, chunks.c.lines_before, chunks.c.data)
    .where(chunks.c.execution_id == EXECUTION, chunks.c.lines_before <= PLACE)
    .order_by(chunks.c.lines_before.desc(), chunks.c.position.desc())
    .limit(1)
)
HOLDER = (
    select(chunks.c.position, chunks.c.size, chunks.c.lines_before, chunks.c.data)
    .where(chunks.c.execution_id == EXECUTION, chunks.c.position <= PLACE)
    .order_by(chunks.c.position.desc())
    .limit(1)
)
NEXT = (
    select(chunks.c.position, chunks.c.lines_before)
    .where(chunks.c.execution_id == EXECUTION, chunks.c.position > PLACE)
    .order_by(chunks.c.position)
    .limit(1)
)
LAST_BYTE = (
    select(func.substr(chunks.c.data, chunks.c.size, 1))
    .where(chunks.c.execution_id == EXECUTION)
    .order_by(chunks.c.position.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Range:
    """The bytes from `start` to `end` of one stream, counted in it, or of both (None), counted in the whole output."""

    stream: Stream | None
    start: int
    end: int


def find_line(conn: Connection, execution: TaskExecution, line: int) -> int:
    """Return the position at which a line, counted from 1, begins; the output's end if it has not so many.

    Where the line's beginning was left out of the output, that is the first byte after what was left out.
    """
    end = execution.stdout_bytes + execution.stderr_bytes
    if line <= 1 or line > execution.output_lines + 1:
        return 0 if line <= 1 else end
    found = conn.execute(BY_LINE, {"execution": execution.id, "place": line - 2}).first()
    assert found is not None  # the first chunk has no line before it
    nth, data = line - 1 - found.lines_before, bytes(found.data)
    if nth > data.count(LINE_FEED):
        following = conn.execute(NEXT, {"execution": execution.id, "place": found.position}).first()
        return end if following is None else int(following.position)
    return int(found.position) + bisect_left(range(len(data)), nth, key=lambda size: data.count(LINE_FEED, 0, size))


def locate(conn: Connection, execution_id: int, position: int) -> tuple[int, int]:
    """Return the position of the first byte from a position on, and the number of line feeds before that byte.

    That is another position only where output was left out.
    """
    given = {"execution": execution_id, "place": position}
    found = conn.execute(HOLDER, given).first()
    if found is None:
        return position, 0
    following = conn.execute(NEXT, given).first() if found.position + found.size <= position else None
    if following is not None:
        return int(following.position), int(following.lines_before)
    return position, int(found.lines_before) + bytes(found.data).count(LINE_FEED, 0, position - found.position)


def count_lines(conn: Connection, execution: TaskExecution) -> int:
    """Count the lines of the whole output, with a last one that has no line feed."""
    last = conn.scalar(LAST_BYTE, {"execution": execution.id})
    return execution.output_lines + (last is not None and bytes(last) != LINE_FEED)


def list_range(conn: Connection, execution_id: int, wanted: Range, *, backward: bool = False) -> list[OutputChunk]:
    """Return the chunks that hold bytes of a range, in order: `MOST_CHUNKS` at most, the last ones with `backward`."""
    query = _build_range(of_stream=wanted.stream is not None, backward=backward)
    given = {"execution": execution_id, "start": wanted.start, "end": wanted.end, "stream": wanted.stream}
    rows = cast("list[OutputChunk]", list(conn.execute(query, given)))
    found = [row for row in rows if find_start(row, wanted.stream) + row.size > wanted.start]
    return found[::-1] if backward else found


def find_start(row: OutputChunk, stream: Stream | None) -> int:
    """Return where a chunk begins in its stream, or in the whole output (None)."""
    return row.position if stream is None else row.stream_offset


def skip_gap(conn: Connection, execution_id: int, wanted: Range, *, backward: bool) -> int | None:
    """Return where output begins again after a range's start, or with `backward` ends before its end; None if nowhere.

    Such a gap is output that was left out.
    """
    place = chunks.c.position if wanted.stream is None else chunks.c.stream_offset
    mine = [chunks.c.execution_id == execution_id]
    if wanted.stream is not None:
        mine.append(chunks.c.stream == wanted.stream)
    if backward:
        query = select(place + chunks.c.size).where(*mine, place < wanted.end).order_by(place.desc()).limit(1)
    else:
        query = select(func.min(place)).where(*mine, place > wanted.start)
    return cast("int | None", conn.scalar(query))


@cache
def _build_range(*, of_stream: bool, backward: bool) -> Select[Any]:
    place = chunks.c.stream_offset if of_stream else chunks.c.position
    start, end = bindparam("start", type_=BigInteger), bindparam("end", type_=BigInteger)
    mine = [chunks.c.execution_id == EXECUTION]
    if of_stream:
        mine.append(chunks.c.stream == bindparam("stream", type_=String))
    holder = select(func.max(place)).where(*mine, place <= start).scalar_subquery()
    query = select(chunks).where(*mine, place >= func.coalesce(holder, 0), place < end)
    return query.order_by(place.desc() if backward else place).limit(MOST_CHUNKS)


def keep_consecutive(found: Sequence[OutputChunk], stream: Stream | None, *, backward: bool) -> Sequence[OutputChunk]:
    """Return the first of these chunks, or with `backward` the last ones, up to where output was left out."""
    ends = [find_start(row, stream) + row.size for row in found]
    breaks = [n for n in range(1, len(found)) if find_start(found[n], stream) != ends[n - 1]]
    if not breaks:
        return found
    return found[breaks[-1] :] if backward else found[: breaks[0]]
