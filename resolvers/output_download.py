"""An output as one file: the bytes that are stored, of both streams in their order or of one, in parts if wished."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from sqlalchemy import Connection

from db import executions, output, output_slices
from db.models import TaskExecution
from db.output_slices import Range
from db.values import State, Stream
from db.visibility import VisibilityScope
from resolvers import validation
from resolvers.context import Context
from resolvers.errors import NotFound

READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What of an output is stored: all up to `end`, but for `left_out` bytes from `gap` on. `is_final`: for good."""

    execution_id: int
    stream: Stream | None
    end: int
    gap: int
    left_out: int
    is_final: bool

    @property
    def size(self) -> int:
        return self.end - self.left_out


async def find_file(ctx: Context, id: int, stream: Stream | None) -> StoredFile:
    visibility = ctx.visibility
    validation.check_id("execution_id", id)
    found = await ctx.service.store.read(_find_file, id, stream, visibility)
    if found is None:
        raise NotFound.for_object("execution", id)
    return found


async def read_file(ctx: Context, file: StoredFile, start: int, end: int) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a file from `start` to `end`. NotFound if they are not there, or not visible, any more."""
    for first, last in ((start, min(end, file.gap)), (max(start, file.gap), end)):
        shift = file.left_out if first >= file.gap else 0
        at = first + shift
        while at < last + shift:
            wanted = Range(file.stream, at, min(at + READ_BYTES, last + shift))
            data = await ctx.service.store.read(_read_range, file.execution_id, wanted, ctx.visibility)
            if not data:
                raise NotFound.for_object("execution", file.execution_id)
            yield data
            at += len(data)


def _find_file(conn: Connection, id: int, stream: Stream | None, visibility: VisibilityScope) -> StoredFile | None:
    row = executions.by_id(conn, id, visibility)
    if row is None:
        return None
    ends = {Stream.STDOUT: row.stdout_bytes, Stream.STDERR: row.stderr_bytes}
    end = sum(ends.values()) if stream is None else ends[stream]
    gap, left_out = _find_gap(conn, row, stream, end)
    return StoredFile(id, stream, end, gap, left_out, State(row.state).is_final)


def _find_gap(conn: Connection, row: TaskExecution, stream: Stream | None, end: int) -> tuple[int, int]:
    """Return where bytes of the stream, or of both, were left out, and how many; the end and none if there are all."""
    if row.output_gap is None:
        return end, 0
    place = int(row.output_gap["position"])
    if stream is None:
        return place, int(row.output_gap["bytes"])
    start = output.find_ends_before(conn, row.id, place)[stream]
    following = output_slices.skip_gap(conn, row.id, Range(stream, start - 1, end), backward=False)
    return start, (end if following is None else following) - start


def _read_range(conn: Connection, id: int, wanted: Range, visibility: VisibilityScope) -> bytes:
    """Return the bytes of a range, or the first ones of it; none if they are not stored or not visible."""
    if executions.by_id(conn, id, visibility) is None:
        return b""
    rows = output_slices.list_range(conn, id, wanted)
    skipped = max(0, wanted.start - output_slices.find_start(rows[0], wanted.stream)) if rows else 0
    return b"".join([bytes(row.data) for row in rows])[skipped : skipped + wanted.end - wanted.start]
