"""Searches in outputs: whatever the chunks and the bounds, they find the lines that Python finds in the whole."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db import servers
from db.values import Stream
from resolvers import output_scan, output_search, search_budget
from resolvers.errors import Invalid
from resolvers.output_scan import OutputMatch
from resolvers.output_search import OutputMatches, SearchRequest
from resolvers.search_budget import SearchBudget
from resolvers.search_patterns import Syntax
from tests.support.desk import Desk
from tests.support.logs import LogPiece, SpentTime, add_log, cut, decode
from tests.support.sampling import choose_count

pytestmark = pytest.mark.anyio

OUT, ERR = Stream
RE2 = Syntax.RE2
LETTERS = [
    b"a",
    b"\n",
    b"bc\n",
    "é".encode(),
    "世".encode(),
    "🏃".encode(),
    b"\xff",
    b"\xe4\xb8",
    b"\n\n",
    b"Ab",
    b"ab",
]
TEXTS = st.lists(
    st.tuples(st.sampled_from(Stream), st.lists(st.sampled_from(LETTERS), max_size=8).map(b"".join)), max_size=12
)
CUTS = st.lists(st.integers(1, 5), min_size=1, max_size=20)


@pytest.fixture
def desk(either_desk: Desk) -> Desk:
    return either_desk


def collect(count: int, *kinds: st.SearchStrategy[Any]) -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, ...]] = []

    @given(st.tuples(*kinds))
    @settings(max_examples=choose_count(count // 4, count), deadline=None, database=None)
    def add(case: tuple[Any, ...]) -> None:
        cases.append(case)

    add()
    return cases


async def search(desk: Desk, id: int, pattern: str, **asked: Any) -> OutputMatches:
    return await output_search.search_output(desk.viewer, id, SearchRequest(pattern=pattern, **asked), SearchBudget())


async def search_all(desk: Desk, id: int, pattern: str, **asked: Any) -> list[OutputMatch]:
    """Every match, page by page."""
    found = await search(desk, id, pattern, **asked)
    matches = list(found.nodes)
    while not found.is_complete:
        found = await search(desk, id, pattern, **asked | {"after": found.end_cursor})
        matches += found.nodes
    return matches


def show(match: OutputMatch) -> list[str]:
    return [match.marked.text[start:end] for start, end in match.marked.ranges]


@pytest.mark.sampled
async def test_a_literal_is_found_in_the_lines_that_python_finds_it_in(desk: Desk) -> None:
    patterns = st.sampled_from(["a", "b", "bc", "é世", "aa", "\ufffd", "ab", "🏃a"])
    for texts, sizes, pattern, first, context, any_case in collect(
        60, TEXTS, CUTS, patterns, st.sampled_from([1, 3, 100]), st.sampled_from([0, 2]), st.booleans()
    ):
        pieces = cut(texts, sizes)
        id = await add_log(desk, pieces)
        whole, data = decode(pieces, finish=False), b"".join(piece.data for piece in pieces)
        found = await search_all(desk, id, pattern, first=first, context=context, ignore_case=any_case)
        lines, ends = whole.split("\n"), [0]
        for line in data.split(b"\n"):
            ends.append(ends[-1] + len(line) + 1)
        folded = [line.lower() if any_case else line for line in lines]
        expected = [n for n, line in enumerate(folded) if pattern in line]
        assert [match.number for match in found] == [n + 1 for n in expected], (pieces, pattern)
        shown = lines if lines[-1] else lines[:-1]
        for match, n in zip(found, expected, strict=True):
            assert match.marked.text == lines[n]
            assert len(match.marked.ranges) == folded[n].count(pattern)
            assert {text.lower() if any_case else text for text in show(match)} == {pattern}
            assert (match.start, match.end) == (ends[n], min(ends[n + 1], len(data)))
            assert list(match.before) == lines[max(0, n - context) : n]
            assert list(match.after) == shown[n + 1 : n + 1 + context]


async def test_a_match_across_chunks_and_pieces_is_found_and_says_where(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_budget, "LARGEST_PIECE", 7)
    pieces = [
        LogPiece(OUT, b"one\ntwo nee"),
        LogPiece(OUT, b"dle\nthree\n"),
        LogPiece(ERR, b"need"),
        LogPiece(ERR, b"le"),
    ]
    id = await add_log(desk, pieces)
    budget = SearchBudget(piece=7)
    found = await output_search.search_output(desk.viewer, id, SearchRequest(pattern="needle", context=1), budget)
    assert [(match.number, match.stream, match.marked.ranges) for match in found.nodes] == [
        (2, OUT, [(4, 10)]),
        (4, ERR, [(0, 6)]),
    ]
    assert (list(found.nodes[0].before), list(found.nodes[0].after)) == (["one"], ["three"])
    assert found.is_complete
    assert found.scanned_bytes == sum(len(piece.data) for piece in pieces)


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("^err", [1]),
        ("end$", [2, 4]),
        ("^$", [3]),
        ("e.*d", [2, 4]),
        (r"\bend", [2, 4]),
        ("[^x]end", [2, 4]),
        (r"e\nl", []),
        ("(?i)^ERR", [1]),
        (r"\pL世", [4]),
    ],
)
async def test_an_expression_of_re2_looks_at_one_line(desk: Desk, pattern: str, numbers: list[int]) -> None:
    id = await add_log(desk, [LogPiece(OUT, "err\nlate end\n\nx世 end\n".encode())])
    found = await search(desk, id, pattern, syntax=RE2)
    assert [match.number for match in found.nodes] == numbers


async def test_any_case_is_ignored_where_a_letter_has_another_length_in_it(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, "İİ Straße ΟΔΟΣ\n".encode())])
    for syntax, pattern in ((Syntax.LITERAL, "οδοσ"), (RE2, "οδος"), (Syntax.LITERAL, "STRAßE")):
        (match,) = (await search(desk, id, pattern, syntax=syntax, ignore_case=True)).nodes
        assert show(match)[0].lower() in (pattern.lower(), "οδος"), syntax


async def test_lines_keep_their_numbers_behind_what_was_left_out(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"x one\nx two"), LogPiece(OUT, b"x tail\nx last\n", (2000, 50, 1000))])
    found = await search_all(desk, id, "x", first=1)
    assert [(match.number, match.marked.text) for match in found] == [
        (1, "x one"),
        (2, "x two"),
        (1002, "x tail"),
        (1003, "x last"),
    ]


async def test_a_live_run_is_searched_as_it_grows(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"x one\nhalf x, ne")], state=None)
    found = await search(desk, id, "x")
    assert ([match.number for match in found.nodes], found.is_complete) == ([1, 2], True)
    await add_log(desk, [LogPiece(OUT, b"edle\nx three\n")], state=None, id=id)
    more = await search(desk, id, "x", after=found.end_cursor)
    assert [match.number for match in more.nodes] == [3]
    (needle,) = (await search(desk, id, "needle", after=found.end_cursor)).nodes
    assert (needle.number, show(needle)) == (2, ["needle"])


async def test_a_long_line_is_cut_around_its_match(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_scan, "LONGEST_LINE", 100_000)
    line = b"y" * 200_000 + b"needle" + b"y" * 300_000
    chunks = [LogPiece(OUT, line[start : start + 65_536]) for start in range(0, len(line), 65_536)]
    id = await add_log(desk, chunks)
    for syntax in Syntax:
        (match,) = await search_all(desk, id, "needle", syntax=syntax)
        assert (match.number, match.marked.is_cut, len(match.marked.text)) == (1, True, 4096)
        assert show(match) == ["needle"]
    assert await search_all(desk, id, "^needle", syntax=RE2) == []
    (start, *_) = await search_all(desk, id, "^yy", syntax=RE2)
    assert start.marked.ranges == [(0, 2)]


async def test_text_is_searched_in_the_servers_encoding(desk: Desk) -> None:
    def set_encoding(conn: Any) -> None:
        servers.update(conn, 1, {"output_encoding": "gb18030"})

    data = "第一\n错误 二\n".encode("gb18030")
    id = await add_log(desk, [LogPiece(OUT, data[n : n + 1]) for n in range(len(data))])
    await desk.service.store.run(set_encoding)
    for syntax in Syntax:
        (match,) = (await search(desk, id, "错误", syntax=syntax)).nodes
        assert (match.number, match.marked.text, match.marked.ranges) == (2, "错误 二", [(0, 2)])


async def test_a_search_that_is_out_of_time_goes_on_where_it_stopped(desk: Desk) -> None:
    line = b"x" * 999 + b"\n"
    pieces = [LogPiece(OUT, line * 65) for _ in range(10)] + [LogPiece(OUT, b"needle\n")]
    id = await add_log(desk, pieces)
    after, scanned, pages = None, 0, 0
    while True:
        budget = SearchBudget(seconds=1, clock=SpentTime())
        asked = SearchRequest(pattern="needle", after=after)
        found = await output_search.search_output(desk.viewer, id, asked, budget)
        after, scanned, pages = found.end_cursor, scanned + found.scanned_bytes, pages + 1
        if found.is_complete:
            break
        assert not found.nodes
    assert [match.number for match in found.nodes] == [651]
    assert pages > 3
    assert scanned < 2 * (650_000 + 7)


async def test_an_endless_line_is_passed_even_without_time(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"y" * 65_536) for _ in range(6)] + [LogPiece(OUT, b"needle")])
    after, positions = None, []
    while True:
        budget = SearchBudget(seconds=1, clock=SpentTime())
        asked = SearchRequest(pattern="needle", after=after)
        found = await output_search.search_output(desk.viewer, id, asked, budget)
        positions.append(int(found.end_cursor[1:]))
        after = found.end_cursor
        if found.is_complete:
            break
    assert [show(match) for match in found.nodes] == [["needle"]]
    assert positions == sorted(set(positions))


REFUSED: Sequence[tuple[dict[str, Any], str]] = [
    ({"pattern": ""}, "pattern"),
    ({"pattern": "a\nb"}, "pattern"),
    ({"pattern": "x" * 1001}, "pattern"),
    ({"pattern": "\ud800"}, "pattern"),
    ({"pattern": "a(", "syntax": RE2}, "pattern"),
    ({"pattern": "[z", "syntax": RE2}, "pattern"),
    ({"pattern": r"(a)\1", "syntax": RE2}, "pattern"),
    ({"pattern": "(?=a)", "syntax": RE2}, "pattern"),
    ({"pattern": r"\Aa", "syntax": RE2}, "pattern"),
    ({"pattern": "(?-m:^a)", "syntax": RE2}, "pattern"),
    ({"pattern": r"\C", "syntax": RE2}, "pattern"),
    ({"pattern": r"\pL{1000}", "syntax": RE2}, "pattern"),
    ({"pattern": "((a{100}){100}){100}", "syntax": RE2}, "pattern"),
    ({"pattern": "a", "context": 11}, "context"),
    ({"pattern": "a", "context": -1}, "context"),
    ({"pattern": "a", "first": 0}, "first"),
    ({"pattern": "a", "first": 101}, "first"),
    ({"pattern": "a", "after": "nonsense"}, "after"),
    ({"pattern": "a", "after": "o99"}, "after"),
]


@pytest.mark.parametrize(("asked", "field"), REFUSED)
async def test_what_cannot_be_searched_for_names_its_field(desk: Desk, asked: dict[str, Any], field: str) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"output")])
    with pytest.raises(Invalid) as raised:
        await output_search.search_output(desk.viewer, id, SearchRequest(**asked), SearchBudget())
    assert raised.value.field == (field,)


async def test_a_refusal_of_an_expression_says_where(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"output")])
    with pytest.raises(Invalid, match=r"character 4\): invalid perl operator: \(\?="):
        await search(desk, id, "abc(?=d)", syntax=RE2)
