"""Searches in outputs: of one run, or of many, the newest first. Each is bounded, and says how far it looked."""

import asyncio
import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import orjson
from sqlalchemy import Connection

from db import executions, output_slices
from db.executions import ExecutionFilter
from db.models import TaskExecution
from db.output_models import OutputChunk
from db.output_slices import Range
from db.visibility import VisibilityScope
from resolvers import cursor as cursors
from resolvers import decoding, validation
from resolvers import executions as runs
from resolvers.context import Context
from resolvers.decoding import Decoders
from resolvers.errors import Invalid, NotFound
from resolvers.output_scan import OutputMatch, OutputScan
from resolvers.paging import PageRequest
from resolvers.search_budget import SearchBudget
from resolvers.search_patterns import Pattern, Syntax, compile_pattern

MOST_MATCHES = 100
USUAL_MATCHES = 20
MOST_CONTEXT = 10
RUNS_A_READ = 50
# What is read before the place to go on from: the line that it is in, and the lines before.
LINE_BYTES = 4096
CONTEXT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What is looked for, with how many lines around each line found, and from which cursor on."""

    pattern: str
    syntax: Syntax = Syntax.LITERAL
    ignore_case: bool = False
    context: int = 0
    first: int = USUAL_MATCHES
    after: str | None = None

    def check(self) -> Pattern:
        """Return the pattern; Invalid for what cannot be asked for."""
        validation.check_between("context", self.context, 0, MOST_CONTEXT)
        validation.check_between("first", self.first, 1, MOST_MATCHES)
        return compile_pattern(self.pattern, self.syntax, ignore_case=self.ignore_case)


@dataclass(frozen=True, slots=True)
class OutputMatches:
    """What was found, and the cursor from which to go on.

    `is_complete`: everything that is stored by now was looked at. `scanned_bytes` counts the bytes that were looked at.
    """

    nodes: Sequence[OutputMatch]
    end_cursor: str
    is_complete: bool
    scanned_bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a search over runs goes on: in the run `id` from a position on, the first one behind a list's cursor."""

    behind: str | None = None
    id: int = 0
    position: int = 0

    def encode(self) -> str:
        return base64.urlsafe_b64encode(orjson.dumps([self.behind, self.id, self.position])).decode().rstrip("=")

    @classmethod
    def decode(cls, cursor: str | None) -> "Place":
        if cursor is None:
            return cls()
        try:
            packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            behind, id, position = orjson.loads(packed)
            known = isinstance(behind, str | None) and type(id) is int and type(position) is int
            if not known or not 0 <= id <= validation.MAX_ID or not 0 <= position <= cursors.MOST:
                raise ValueError(packed)
            return cls(behind, id, position)
        except (ValueError, TypeError, binascii.Error):
            raise Invalid(
                "after", "is not a cursor of a search: use `endCursor`.", "不是搜索的游标：请使用 `endCursor`。"
            ) from None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an output as it was read, and how to decode it if it is the first one."""

    execution: TaskExecution
    rows: Sequence[OutputChunk]
    decoders: Decoders | None

    @property
    def stored(self) -> int:
        return self.execution.stdout_bytes + self.execution.stderr_bytes


@dataclass(slots=True)
class RunSearch:
    """A search in one run's output: what it found, and how far it came."""

    position: int
    matches: list[OutputMatch] = field(default_factory=list)
    scanned: int = 0
    is_at_end: bool = False


async def search_output(ctx: Context, id: int, request: SearchRequest, budget: SearchBudget) -> OutputMatches:
    """Look for lines in one run's output. Raises Invalid or NotFound."""
    pattern = request.check()
    validation.check_id("execution_id", id)
    found = RunSearch(cursors.decode(request.after))
    await _search_run(ctx, id, pattern, request, budget, found, required=True)
    cursor = cursors.encode(found.position)
    return OutputMatches(found.matches, cursor, found.is_at_end, found.scanned)


async def search_outputs(
    ctx: Context, filter: ExecutionFilter, request: SearchRequest, budget: SearchBudget
) -> OutputMatches:
    """Look for lines in the outputs of the runs that match a filter, the newest run first. Raises Invalid."""
    pattern, place = request.check(), Place.decode(request.after)
    matches: list[OutputMatch] = []
    scanned, has_next = 0, True
    while has_next and not budget.is_spent:
        asked = PageRequest(first=RUNS_A_READ, after=place.behind, order="id", descending=True)
        async with budget.measure():
            page = await runs.page(ctx, filter, asked)
        has_next = page.has_next
        for row, cursor in zip(page.rows, page.cursors, strict=True):
            found = RunSearch(place.position if row.id == place.id else 0)
            if found.position < row.stdout_bytes + row.stderr_bytes:
                left = replace(request, first=request.first - len(matches))
                await _search_run(ctx, row.id, pattern, left, budget, found, required=False)
                matches += found.matches
                scanned += found.scanned
            else:
                found.is_at_end = True
            if not found.is_at_end:
                return OutputMatches(matches, Place(place.behind, row.id, found.position).encode(), False, scanned)
            place = Place(cursor)
            if len(matches) >= request.first or budget.is_spent:
                is_last = not has_next and row is page.rows[-1]
                return OutputMatches(matches, place.encode(), is_last, scanned)
        if has_next:
            place = Place(page.ends[1] if page.ends else page.cursors[-1])
    return OutputMatches(matches, place.encode(), not has_next, scanned)


async def _search_run(
    ctx: Context,
    id: int,
    pattern: Pattern,
    request: SearchRequest,
    budget: SearchBudget,
    found: RunSearch,
    *,
    required: bool,
) -> None:
    """Look at the output piece by piece, until it ends, there are enough matches, or the budget is spent."""
    visibility, user_id = ctx.visibility, ctx.require_viewer().user_id
    begin = max(0, found.position - (CONTEXT_BYTES if request.context else LINE_BYTES))
    at, scan = begin, None
    while True:
        async with ctx.service.searches.reserve(user_id):
            if scan is not None and budget.is_spent:
                break
            async with budget.measure():
                size = budget.piece + found.position - begin if scan is None else budget.piece
                part = await ctx.service.store.read(_load_part, id, at, size, visibility, is_first=scan is None)
                if part is None:
                    if required:
                        raise NotFound.for_object("execution", id)
                    found.is_at_end = True
                    return
                if scan is None:
                    _check_position(found.position, part)
                    assert part.decoders is not None
                    scan = OutputScan(
                        pattern, part.decoders, start=found.position, context=request.context, most=request.first
                    )
                if part.rows:
                    await asyncio.to_thread(scan.feed, part.rows, begin)
                    end = part.rows[-1].position + part.rows[-1].size
                    read = sum(row.size for row in part.rows)
                    found.scanned += read
                    budget.bytes -= read
                    at = end
        found.is_at_end = at >= part.stored or not part.rows
        if scan.is_full or found.is_at_end:
            break
    if not scan.is_full and (found.is_at_end or scan.searched <= found.position):
        await asyncio.to_thread(scan.flush, id)
    _conclude(scan, found, budget)


def _conclude(scan: OutputScan, found: RunSearch, budget: SearchBudget) -> None:
    found.matches, found.position = scan.matches, scan.searched
    found.is_at_end = found.is_at_end and not scan.is_full
    budget.text -= sum(match.size for match in scan.matches)


def _check_position(position: int, part: Part) -> None:
    if position > part.stored:
        raise Invalid("after", "is beyond this execution's output: it is another one's.", "超出此执行的输出范围。")


def _load_part(
    conn: Connection, id: int, start: int, size: int, visibility: VisibilityScope, *, is_first: bool
) -> Part | None:
    """Return the chunks that hold the next bytes, from behind a gap if they are in it; None if there is no such run."""
    execution = executions.by_id(conn, id, visibility)
    if execution is None:
        return None
    stored = execution.stdout_bytes + execution.stderr_bytes
    wanted = Range(None, start, min(start + size, stored))
    rows = output_slices.list_range(conn, id, wanted) if start < stored else []
    if not rows and start < stored:
        place = output_slices.skip_gap(conn, id, Range(None, start, stored), backward=False)
        rows = [] if place is None else output_slices.list_range(conn, id, Range(None, place, place + size))
    return Part(execution, rows, decoding.load_decoders(conn, id, start) if is_first else None)
