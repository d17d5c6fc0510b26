"""What a search costs: each chunk is read once, and looked at once, whatever the pattern; it stops at its bound."""

import asyncio
from typing import Any

import pytest

from db.values import Stream
from resolvers import output_search, search_patterns
from resolvers.errors import Invalid
from resolvers.output_search import SearchRequest
from resolvers.search_budget import SearchBudget, SearchSlots
from resolvers.search_patterns import Re2Pattern, Syntax
from tests.support.desk import Desk
from tests.support.logs import LogPiece, add_log
from tests.support.statements import watched

pytestmark = pytest.mark.anyio

CHUNK = 65_536
LINES = (b"x" * 1023 + b"\n") * 64
CHUNKS = 16
# Each takes another engine for ever, or its memory, on lines of this one letter.
HOSTILE = [
    "(x+x+)+y",
    "(x|xx)*y",
    "(x*)*y",
    "(.*)*(.*)*(.*)*y",
    "x{0,500}x{0,500}y",
    "((x{1,9}){1,9}){1,9}y",
    "(x?){300}x{300}$",
]


def frozen() -> float:
    return 0.0


@pytest.fixture
def desk(either_desk: Desk) -> Desk:
    return either_desk


async def add_lines(desk: Desk) -> int:
    return await add_log(desk, [LogPiece(Stream.STDOUT, LINES) for _ in range(CHUNKS)])


async def test_a_search_reads_each_chunk_once_in_a_few_statements(desk: Desk) -> None:
    id = await add_lines(desk)
    budget = SearchBudget(clock=frozen)
    with watched() as traffic:
        found = await output_search.search_output(desk.viewer, id, SearchRequest(pattern="needle"), budget)
    assert (found.is_complete, found.scanned_bytes) == (True, CHUNKS * CHUNK)
    # The pieces double, from one chunk on; each takes the run's row and its chunks, the first one the encoding, too.
    assert len(traffic.statements) <= 2 * 5 + 1


async def test_a_search_stops_at_its_bound(desk: Desk) -> None:
    id = await add_lines(desk)
    with watched() as traffic:
        budget = SearchBudget(bytes=3 * CHUNK, clock=frozen)
        found = await output_search.search_output(desk.viewer, id, SearchRequest(pattern="needle"), budget)
    assert (found.is_complete, found.scanned_bytes, found.end_cursor) == (False, 3 * CHUNK, f"o{3 * CHUNK}")
    assert len(traffic.statements) <= 5
    spent = await output_search.search_output(desk.viewer, id, SearchRequest(pattern="needle"), budget)
    assert spent.scanned_bytes <= budget.piece


async def test_a_page_ends_with_its_last_line(desk: Desk) -> None:
    id = await add_lines(desk)
    found = await output_search.search_output(desk.viewer, id, SearchRequest(pattern="x", first=10), SearchBudget())
    assert (len(found.nodes), found.scanned_bytes) == (10, CHUNK)


@pytest.mark.parametrize("pattern", HOSTILE)
async def test_no_expression_looks_at_more_than_the_text(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    looked: list[int] = []
    find = Re2Pattern.find

    def count(self: Re2Pattern, prepared: bytes, start: int) -> Any:
        looked.append(len(prepared) - start)
        return find(self, prepared, start)

    monkeypatch.setattr(Re2Pattern, "find", count)
    id = await add_log(desk, [LogPiece(Stream.STDOUT, LINES) for _ in range(2)])
    asked = SearchRequest(pattern=pattern, syntax=Syntax.RE2, first=5)
    found = await output_search.search_output(desk.viewer, id, asked, SearchBudget(clock=frozen))
    assert found.is_complete or found.nodes
    assert sum(looked) <= 2 * CHUNK + 5 * (CHUNK + 2 * 1024)


async def test_an_expression_is_bounded_before_it_is_used() -> None:
    with pytest.raises(Invalid, match="too large"):
        search_patterns.compile_pattern(r"\pL{200}", Syntax.RE2, ignore_case=False)


async def test_without_re2_only_a_literal_is_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_patterns, "re2", None)
    with pytest.raises(Invalid, match="pip install google-re2") as raised:
        search_patterns.compile_pattern("x", Syntax.RE2, ignore_case=False)
    assert raised.value.field == ("syntax",)
    assert search_patterns.compile_pattern("x", Syntax.LITERAL, ignore_case=True).find("ax", 0) == (1, 2)


async def test_a_user_has_a_few_pieces_looked_at_at_once() -> None:
    slots, entered = SearchSlots(each=1, all=2), []

    async def enter(user_id: int) -> None:
        async with slots.reserve(user_id):
            entered.append(user_id)

    async with slots.reserve(1):
        waiting = asyncio.create_task(enter(1))
        await asyncio.create_task(enter(2))
        assert entered == [2]
    await waiting
    assert entered == [2, 1]
