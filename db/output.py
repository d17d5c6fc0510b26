"""Queries on `output_chunks`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    FromClause,
    Insert,
    Integer,
    Select,
    Text,
    bindparam,
    func,
    insert,
    select,
    true,
    update,
)

from db import fleet_output, rows
from db.models import TaskExecution
from db.output_gap import OutputGap
from db.output_models import OutputChunk
from db.prepared import Prepared
from db.values import State, Stream

chunks = rows.get_table(OutputChunk)
executions = rows.get_table(TaskExecution)
GROW = Prepared(
    update(executions)
    .where(executions.c.id == bindparam("execution"))
    .values(
        stdout_bytes=bindparam("stdout_bytes"),
        stderr_bytes=bindparam("stderr_bytes"),
        output_lines=bindparam("output_lines"),
    )
)
INSERT = Prepared(insert(chunks))
LINE_FEED = b"\n"
STREAM_ENDS = select(
    executions.c.id,
    executions.c.fence,
    executions.c.state,
    executions.c.stdout_bytes,
    executions.c.stderr_bytes,
    executions.c.output_lines,
    executions.c.fleet_run_id,
)
# By id alone: with a condition on the state, PostgreSQL may read all running rows instead (outdated statistics).
LOCK = (
    STREAM_ENDS.where(executions.c.id.in_(bindparam("ids", expanding=True))).order_by(executions.c.id).with_for_update()
)
# SQLite's transaction has locked everything. The ids are one parameter, a JSON list, so that one text is enough.
LISTED_IDS = func.json_each(bindparam("ids", type_=Text)).table_valued("value")
READ_ENDS = Prepared(STREAM_ENDS.where(executions.c.id.in_(select(LISTED_IDS.c.value))).order_by(executions.c.id))


def _build_list_after() -> Select[Any]:
    """Build the query of `list_after` once: building it takes longer than running it."""
    execution, place = bindparam("execution", type_=BigInteger), bindparam("place", type_=BigInteger)
    holder = select(func.max(chunks.c.position)).where(chunks.c.execution_id == execution, chunks.c.position <= place)
    beyond = (
        chunks.c.execution_id == execution,
        chunks.c.position >= func.coalesce(holder.scalar_subquery(), 0),
        chunks.c.position + chunks.c.size > place,
    )
    first = select(chunks.c.position, chunks.c.size).where(*beyond).order_by(chunks.c.position)
    few = first.limit(bindparam("most", type_=Integer)).subquery()
    sizes_before = func.sum(few.c.size).over(order_by=few.c.position) - few.c.size
    summed = select(few.c.position, sizes_before.label("size_before")).subquery()
    last = select(func.max(summed.c.position)).where(summed.c.size_before < bindparam("max_bytes", type_=BigInteger))
    return select(chunks).where(*beyond, chunks.c.position <= last.scalar_subquery()).order_by(chunks.c.position)


LIST_AFTER = _build_list_after()


@dataclass(frozen=True, slots=True)
class NewChunk:
    """At most 64 KiB of one stream, starting at `stream_offset`. `gap` was left out right before, in both streams."""

    execution_id: int
    fence: int
    stream: Stream
    stream_offset: int
    at: datetime
    data: bytes
    gap: OutputGap | None = None


@dataclass(slots=True)
class StreamEnds:
    """The number of stored bytes of each stream of an execution: the next bytes go there.

    `lines` counts the line feeds before that, of both streams. `fleet_run_id` is the execution's.
    """

    ends: dict[Stream, int]
    lines: int = 0
    fleet_run_id: int | None = None

    def accept(self, chunk: NewChunk) -> dict[str, Any] | None:
        """Return the row for the bytes that are not stored yet, and advance the end; None without any."""
        if chunk.gap is not None:
            self._skip(chunk.gap)
        end = self.ends[chunk.stream]
        start = max(chunk.stream_offset, end)
        data = chunk.data[start - chunk.stream_offset :]
        if not data:
            return None
        position = sum(self.ends.values()) + start - end
        lines_before = self.lines
        self.ends[chunk.stream] = start + len(data)
        self.lines += data.count(LINE_FEED)
        return {
            "execution_id": chunk.execution_id,
            "position": position,
            "stream": chunk.stream,
            "stream_offset": start,
            "lines_before": lines_before,
            "size": len(data),
            "at": chunk.at,
            "data": data,
        }

    def _skip(self, gap: OutputGap) -> None:
        """Move both ends past the gap, unless what follows it is stored already."""
        if self.ends == gap.starts:
            self.ends.update(gap.ends)
            self.lines += gap.lines

    def values(self) -> dict[str, Any]:
        return {
            "stdout_bytes": self.ends[Stream.STDOUT],
            "stderr_bytes": self.ends[Stream.STDERR],
            "output_lines": self.lines,
        }


@dataclass(frozen=True, slots=True)
class OutputEnd:
    """The last chunks of an execution, and the number of bytes of each stream up to their end, left out or not."""

    chunks: Sequence[NewChunk]
    ends: Mapping[Stream, int]

    def find_gap(self) -> OutputGap | None:
        """Return what was left out between what is stored and the last chunks."""
        return next((chunk.gap for chunk in self.chunks if chunk.gap is not None), None)

    def build_starts(self) -> dict[str, int]:
        """Return the bytes that must be stored before, as parameters `stored_stdout` and `stored_stderr`."""
        return {f"stored_{stream}": start for stream, start in self._find_starts().items()}

    def build_totals(self) -> dict[str, int]:
        """Return the columns with the byte counts."""
        return {"stdout_bytes": self.ends[Stream.STDOUT], "stderr_bytes": self.ends[Stream.STDERR]}

    def count_lines(self) -> int:
        """Count the line feeds of the chunks, and of what was left out before them."""
        left_out = sum(chunk.gap.lines for chunk in self.chunks if chunk.gap is not None)
        return left_out + sum(chunk.data.count(LINE_FEED) for chunk in self.chunks)

    def build_rows(self, lines: int = 0) -> list[dict[str, Any]]:
        """Return the rows of `output_chunks`, if `lines` line feeds are stored before."""
        stored = StreamEnds(self._find_starts(), lines)
        return [row for chunk in self.chunks if (row := stored.accept(chunk)) is not None]

    def _find_starts(self) -> dict[Stream, int]:
        starts = dict(self.ends)
        for chunk in self.chunks:
            starts[chunk.stream] -= len(chunk.data)
            if chunk.gap is not None:
                starts = {stream: start - chunk.gap.count(stream) for stream, start in starts.items()}
        return starts


def append(conn: Connection, new: Sequence[NewChunk]) -> set[int]:
    """Store chunks in order and update the executions' byte counts. Bytes that are already stored are skipped.

    Returns the ids of executions that no longer run under the chunk's fence: nothing was written for those.
    """
    fences = {chunk.execution_id: chunk.fence for chunk in new}
    held = _lock_running(conn, fences)
    ours = (chunk for chunk in new if chunk.execution_id in held and chunk.fence == fences[chunk.execution_id])
    new_rows = [row for chunk in ours if (row := held[chunk.execution_id].accept(chunk)) is not None]
    if new_rows:
        insert_chunks(conn, new_rows)
        grown = {row["execution_id"] for row in new_rows}
        GROW.change_each(conn, [{"execution": id} | held[id].values() for id in sorted(grown)])
        fleet_output.add(conn, {id: held[id].fleet_run_id for id in grown}, new_rows)
    return fences.keys() - held


def insert_chunks(conn: Connection, new_rows: Sequence[Mapping[str, Any]]) -> None:
    INSERT.change_each(conn, new_rows)


def build_arrays(new_rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the rows as the parameters of `build_insert_of`: `chunk_` and a column's name, and its values."""
    return {f"chunk_{name}": [row[name] for row in new_rows] for name in new_rows[0]}


def build_insert_of(ended: FromClause, columns: Sequence[str]) -> Insert:
    """Build PostgreSQL's INSERT of an execution's chunks, if `ended` has its row, however many chunks there are.

    Their `lines_before` count from the first of them on: parameter `new_lines` counts the line feeds of all.
    """
    arrays = (bindparam(f"chunk_{name}", type_=ARRAY(chunks.c[name].type)) for name in columns)
    given = func.unnest(*arrays).table_valued(*columns).render_derived(name="given")
    lines_before = ended.c.output_lines - bindparam("new_lines", type_=BigInteger) + given.c.lines_before
    values = [lines_before if name == "lines_before" else given.c[name] for name in columns]
    found = select(*values).select_from(ended.join(given, true()))
    return insert(chunks).from_select(list(columns), found, include_defaults=False)


def _lock_running(conn: Connection, fences: dict[int, int]) -> dict[int, StreamEnds]:
    """Lock the executions that are running under these fences until the commit, and return their stream ends."""
    return {
        row.id: StreamEnds(
            {Stream.STDOUT: row.stdout_bytes, Stream.STDERR: row.stderr_bytes}, row.output_lines, row.fleet_run_id
        )
        for row in _read_locked(conn, list(fences))
        if row.state == State.RUNNING and row.fence == fences[row.id]
    }


def _read_locked(conn: Connection, ids: list[int]) -> Sequence[Any]:
    if conn.dialect.name == "sqlite":
        return READ_ENDS.find_all(conn, {"ids": json.dumps(ids)})
    return conn.execute(LOCK, {"ids": ids}).all()


def list_after(
    conn: Connection, execution_id: int, position: int, *, max_bytes: int = 262_144, most: int = 256
) -> list[OutputChunk]:
    """Return chunks in order, from the one that holds `position`: at least one, and about `max_bytes` at most."""
    found = {"execution": execution_id, "place": position, "max_bytes": max_bytes, "most": most}
    return cast("list[OutputChunk]", list(conn.execute(LIST_AFTER, found)))


def find_ends_before(conn: Connection, execution_id: int, position: int) -> dict[Stream, int]:
    """Return the number of bytes of each stream that come before `position`, from the chunk that ends there.

    That chunk's position is the sum of its own stream's bytes before it and the other stream's.
    """
    before = (chunks.c.execution_id == execution_id, chunks.c.position < position)
    query = select(chunks.c.stream, chunks.c.stream_offset, chunks.c.position, chunks.c.size).where(*before)
    last = conn.execute(query.order_by(chunks.c.position.desc()).limit(1)).first()
    if last is None:
        return dict.fromkeys(Stream, 0)
    own = last.stream_offset + min(last.size, position - last.position)
    return {stream: own if stream == last.stream else last.position - last.stream_offset for stream in Stream}


def load_totals(conn: Connection, execution_id: int) -> tuple[int, int]:
    """Return the stored bytes of stdout and of stderr."""
    query = select(executions.c.stdout_bytes, executions.c.stderr_bytes).where(executions.c.id == execution_id)
    found = conn.execute(query).first()
    return (0, 0) if found is None else (found[0], found[1])
