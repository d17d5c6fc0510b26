"""Parts of an execution's output, for an answer: after or before a cursor, by lines, or the end.

Consecutive slices make up the whole: each byte is in one, and a character is in the text of the one that ends it. A
slice never spans a gap, so its bytes are consecutive. What one costs does not depend on how long the output is.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from db import executions, output, output_slices
from db.models import TaskExecution
from db.output_slices import Range
from db.values import State, Stream
from db.visibility import VisibilityScope
from resolvers import cursor as cursors
from resolvers import decoding, validation
from resolvers.context import Context
from resolvers.decoding import Decoders
from resolvers.errors import Invalid, NotFound, ServiceError, TooLarge
from resolvers.output_pieces import Piece, SlicePart, decode_pieces, skip_rest_of_character
from resolvers.slice_request import MOST_LINES, SliceRequest

ANSWER_BYTES = 4 * 1024 * 1024
TAIL_BYTES = 1024 * 1024
# What a part costs beside its text. So the parts of any one slice fit into an answer: it has at most 16,384.
PART_BYTES = 128


@dataclass(frozen=True, slots=True)
class OutputSlice:
    """Consecutive bytes of an output, and their text.

    `first_line` is the number of the line in which they begin, `line_count` the number of lines that they touch; None
    without bytes. `stored_parts` make up the text. `parts` make up the text.
    """

    data: bytes
    text: str
    start_cursor: str
    end_cursor: str
    has_before: bool
    has_after: bool
    first_line: int | None = None
    line_count: int | None = None
    stored_parts: Sequence[SlicePart] = ()


@dataclass(slots=True)
class AnswerBudget:
    """The bytes of output that one answer may still carry; negative once it was to carry more."""

    left: int = ANSWER_BYTES
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def take_parts(self, count: int) -> None:
        """Count so many parts of a slice, which an answer tells one by one. Raises TooLarge."""
        self.left -= count * PART_BYTES
        if self.left < 0:
            raise _build_refusal()


async def load_slices(
    ctx: Context, ids: Sequence[int], request: SliceRequest, budget: AnswerBudget
) -> list[OutputSlice | ServiceError]:
    """Return a slice of each execution's output, or why there is none.

    Raises Invalid for what cannot be asked for.
    """
    request.check()
    async with budget.lock:
        found, budget.left = await ctx.service.store.read(_load_all, ids, request, ctx.visibility, budget.left)
    return found


async def find_start(
    ctx: Context, execution_id: int, after: str | None, lines: int | None, *, field: str = "last_lines"
) -> str | None:
    """Return the cursor to follow an output from: `after`, or the one before its last lines as it is now.

    The lines are at most the last MiB. `field` is their field's name in errors. Raises Invalid or NotFound.
    """
    if lines is None:
        return after
    if after is not None:
        raise Invalid(field, "cannot be given together with a cursor.", "不能与游标同时使用。")
    visibility = ctx.visibility
    validation.check_id("execution_id", execution_id)
    validation.check_between(field, lines, 0, MOST_LINES)
    return await ctx.service.store.read(_find_tail, execution_id, lines, visibility)


def _find_tail(conn: Connection, execution_id: int, lines: int, visibility: VisibilityScope) -> str:
    execution = executions.by_id(conn, execution_id, visibility)
    if execution is None:
        raise NotFound.for_object("execution", execution_id)
    start = _find_last_lines(conn, execution, lines)
    return cursors.encode(max(start, _count_bytes(execution) - TAIL_BYTES))


def _load_all(
    conn: Connection, ids: Sequence[int], request: SliceRequest, visibility: VisibilityScope, left: int
) -> tuple[list[OutputSlice | ServiceError], int]:
    known = {row.id: row for row in executions.by_ids(conn, ids, visibility)}
    found: list[OutputSlice | ServiceError] = []
    for id in ids:
        try:
            if id not in known:
                raise NotFound.for_object("execution", id)
            made = load_slice(conn, known[id], request)
            left -= len(made.data)
            if left < 0:
                raise _build_refusal()
            found.append(made)
        except ServiceError as error:
            found.append(error)
        if left < 0:
            return found + [_build_refusal() for _ in ids[len(found) :]], left
    return found, left


def _build_refusal() -> TooLarge:
    return TooLarge(
        f"An answer carries at most {ANSWER_BYTES} bytes of output: ask for fewer executions, or for less of each.",
        f"一次应答最多包含 {ANSWER_BYTES} 字节的输出：请减少执行记录的数量，或减少每条的输出。",
    )


def load_slice(conn: Connection, execution: TaskExecution, request: SliceRequest) -> OutputSlice:
    """Return a slice of the output of an execution whose row was read in the same transaction. Raises Invalid."""
    start, end = _find_positions(conn, execution, request)
    if not _count_bytes(execution):
        return OutputSlice(b"", "", cursors.encode(0), cursors.encode(0), has_before=False, has_after=False)
    wanted = _count_in_stream(conn, execution, request.stream, start, end)
    wanted, pieces, is_cut = _load_pieces(conn, execution.id, wanted, request)
    position = end if request.is_backward else start
    if pieces:
        position = pieces[0].row.position + pieces[0].start
    told = cursors.count_rests_told(request.after) or 0
    decoders = decoding.load_decoders(conn, execution.id, position, told=told)
    if pieces and is_cut and request.is_backward:
        skip_rest_of_character(decoders, pieces[0])
    parts = decode_pieces(decoders, pieces, leave_cut=is_cut and not request.is_backward)
    made = _build_slice(execution, request, pieces, wanted, position)
    return _add_rests(execution, request, made, parts, decoders)


def _find_positions(conn: Connection, execution: TaskExecution, request: SliceRequest) -> tuple[int, int]:
    """Return between which positions the slice lies, whatever its bound in bytes."""
    stored = _count_bytes(execution)
    if request.before is not None:
        return 0, _read_cursor(request.before, "before", stored)
    if request.last_lines is not None:
        return _find_last_lines(conn, execution, request.last_lines), stored
    if request.from_line is not None:
        start, line = output_slices.find_line(conn, execution, request.from_line), request.from_line
    else:
        start, line = _read_cursor(request.after, "after", stored), 0
    if request.lines is None:
        return start, stored
    if not line:
        start, before = output_slices.locate(conn, execution.id, start)
        line = before + 1
    return start, output_slices.find_line(conn, execution, line + request.lines)


def _find_last_lines(conn: Connection, execution: TaskExecution, lines: int) -> int:
    if not lines:
        return _count_bytes(execution)
    return output_slices.find_line(conn, execution, output_slices.count_lines(conn, execution) - lines + 1)


def _read_cursor(cursor: str | None, name: str, stored: int) -> int:
    position = cursors.decode(cursor, name)
    if position > stored:
        raise Invalid(name, "is beyond this execution's output: it is another one's.", "超出此执行的输出范围。")
    return position


def _count_bytes(execution: TaskExecution, stream: Stream | None = None) -> int:
    """Count the bytes of a stream up to its end, or of both."""
    stdout = execution.stdout_bytes if stream is not Stream.STDERR else 0
    return stdout + (execution.stderr_bytes if stream is not Stream.STDOUT else 0)


def _count_in_stream(conn: Connection, execution: TaskExecution, stream: Stream | None, start: int, end: int) -> Range:
    if stream is None:
        return Range(None, start, end)
    ends = {0: 0, _count_bytes(execution): _count_bytes(execution, stream)}
    for position in {start, end} - ends.keys():
        ends[position] = output.find_ends_before(conn, execution.id, position)[stream]
    return Range(stream, ends[start], ends[end])


def _load_pieces(
    conn: Connection, execution_id: int, wanted: Range, request: SliceRequest
) -> tuple[Range, list[Piece], bool]:
    """Return what is wanted without a gap where it begins, and its bytes that are in the slice.

    The last value tells whether `max_bytes` leaves some of it out.
    """
    backward = request.is_backward
    part = _bound(wanted, request)
    found = output_slices.list_range(conn, execution_id, part, backward=backward)
    if not found and wanted.start < wanted.end:
        place = output_slices.skip_gap(conn, execution_id, wanted, backward=backward)
        if place is None:
            rest = wanted.start if backward else wanted.end
            return Range(wanted.stream, rest, rest), [], False
        wanted = replace(wanted, end=place) if backward else replace(wanted, start=place)
        part = _bound(wanted, request)
        found = output_slices.list_range(conn, execution_id, part, backward=backward)
    kept = output_slices.keep_consecutive(found, wanted.stream, backward=backward)
    pieces = []
    for row in kept:
        start = output_slices.find_start(row, wanted.stream)
        pieces.append(Piece(row, max(part.start - start, 0), min(part.end - start, row.size)))
    return wanted, pieces, part != wanted and len(kept) == len(found)


def _bound(wanted: Range, request: SliceRequest) -> Range:
    if request.is_backward:
        return replace(wanted, start=max(wanted.start, wanted.end - request.max_bytes))
    return replace(wanted, end=min(wanted.end, wanted.start + request.max_bytes))


def _build_slice(
    execution: TaskExecution, request: SliceRequest, pieces: Sequence[Piece], wanted: Range, position: int
) -> OutputSlice:
    """Build the slice without its text. `position` is where it lies if it has no bytes."""
    total = _count_bytes(execution, request.stream)
    if not pieces:
        place, cursor = wanted.end if request.is_backward else wanted.start, cursors.encode(position)
        return OutputSlice(b"", "", cursor, cursor, has_before=place > 0, has_after=place < total)
    first, last = pieces[0], pieces[-1]
    first_line = first.count_lines_before(first.start) + 1
    return OutputSlice(
        b"".join([piece.data for piece in pieces]),
        "",
        cursors.encode(first.row.position + first.start),
        cursors.encode(last.row.position + last.end),
        has_before=output_slices.find_start(first.row, request.stream) + first.start > 0,
        has_after=output_slices.find_start(last.row, request.stream) + last.end < total,
        first_line=first_line,
        line_count=last.count_lines_before(last.end - 1) + 2 - first_line,
    )


def _add_rests(
    execution: TaskExecution, request: SliceRequest, made: OutputSlice, parts: list[SlicePart], decoders: Decoders
) -> OutputSlice:
    """Add the text, and at the end of a run's output U+FFFD for characters that were never finished."""
    place = request.after if not request.is_backward else request.before
    told_of = made.data or (request.from_line is None and request.last_lines is None)
    if made.has_after or not told_of or not State(execution.state).is_final:
        return _add_parts(made, parts)
    if request.before is not None and cursors.count_rests_told(place) is None:
        return _add_parts(made, parts)
    end = cursors.encode(_count_bytes(execution))
    at = execution.end_time or execution.created_at
    rests = [
        SlicePart(rest.stream, at, rest.text)
        for rest in decoders.flush_rests(end)
        if request.stream in (None, rest.stream)
    ]
    past = decoders.move_past_rests(end)
    return _add_parts(replace(made, end_cursor=made.end_cursor if past == end else past), parts + rests)


def _add_parts(made: OutputSlice, parts: list[SlicePart]) -> OutputSlice:
    return replace(made, text="".join([part.text for part in parts]), stored_parts=parts)
