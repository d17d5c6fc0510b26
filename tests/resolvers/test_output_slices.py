"""Slices of an output: any chain of them is the whole, whatever its chunks; lines are counted as Python counts them."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.values import Role, Stream
from resolvers import output_slices
from resolvers.errors import Invalid, NotFound, ServiceError, TooLarge
from resolvers.output_slices import AnswerBudget, OutputSlice
from resolvers.slice_request import SliceRequest
from tests.support.desk import Desk
from tests.support.logs import LogPiece, add_log, cut, decode
from tests.support.sampling import choose_count

pytestmark = pytest.mark.anyio

OUT, ERR = Stream
MIB = 1024 * 1024
LETTERS = [b"a", b"\n", b"bc\n", "é".encode(), "世".encode(), "🏃".encode(), b"\xff", b"\xe4\xb8", b"\n\n", b"de"]
STREAMS = st.sampled_from(Stream)
TEXTS = st.lists(st.tuples(STREAMS, st.lists(st.sampled_from(LETTERS), max_size=6).map(b"".join)), max_size=12)
CUTS = st.lists(st.integers(1, 5), min_size=1, max_size=20)


@pytest.fixture
def desk(either_desk: Desk) -> Desk:
    return either_desk


async def load(desk: Desk, id: int, **asked: Any) -> OutputSlice:
    (found,) = await output_slices.load_slices(desk.viewer, [id], SliceRequest(**asked), AnswerBudget())
    if isinstance(found, ServiceError):
        raise found
    return found


async def chain(desk: Desk, id: int, **asked: Any) -> list[OutputSlice]:
    """Every slice from the beginning on."""
    found = [await load(desk, id, **asked)]
    while found[-1].has_after:
        found.append(await load(desk, id, after=found[-1].end_cursor, **asked))
        assert found[-1].data
    return found


async def chain_back(desk: Desk, id: int, end: str, **asked: Any) -> list[OutputSlice]:
    """Every slice back to the beginning, in the order of the output."""
    found = [await load(desk, id, before=end, **asked)]
    while found[0].has_before:
        found.insert(0, await load(desk, id, before=found[0].start_cursor, **asked))
        assert found[0].data
    return found


def join(found: Iterable[OutputSlice]) -> tuple[bytes, str]:
    return b"".join(each.data for each in found), "".join(each.text for each in found)


def collect(count: int, *kinds: st.SearchStrategy[Any]) -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, ...]] = []

    @given(st.tuples(*kinds))
    @settings(max_examples=choose_count(count // 4, count), deadline=None, database=None)
    def add(case: tuple[Any, ...]) -> None:
        cases.append(case)

    add()
    return cases


@pytest.mark.sampled
async def test_slices_forwards_and_backwards_make_up_the_whole(desk: Desk) -> None:
    for texts, sizes, most in collect(40, TEXTS, CUTS, st.sampled_from([1, 2, 3, 4, 5, 7, 11, 1000])):
        pieces = cut(texts, sizes)
        whole = b"".join(piece.data for piece in pieces)
        id = await add_log(desk, pieces)
        forwards = await chain(desk, id, max_bytes=most)
        assert join(forwards) == (whole, decode(pieces)), pieces
        backwards = await chain_back(desk, id, forwards[-1].end_cursor, max_bytes=most)
        assert join(backwards) == (whole, decode(pieces)), pieces
        for found in (forwards, backwards):
            position = 0
            for each in found:
                end = position + len(each.data)
                assert (each.has_before, each.has_after) == (position > 0, end < len(whole))
                assert_lines(each, whole[:position], each.data)
                position = end


def assert_lines(found: OutputSlice, before: bytes, data: bytes) -> None:
    if not data:
        assert (found.first_line, found.line_count) == (None, None)
        return
    assert found.first_line == before.count(b"\n") + 1
    assert found.line_count == len(data.removesuffix(b"\n").split(b"\n"))


@pytest.mark.sampled
async def test_slices_of_one_stream_make_up_that_stream(desk: Desk) -> None:
    for texts, sizes, most, stream in collect(20, TEXTS, CUTS, st.sampled_from([1, 4, 9, 1000]), STREAMS):
        pieces = cut(texts, sizes)
        mine = [piece for piece in pieces if piece.stream is stream]
        whole = b"".join(piece.data for piece in mine)
        id = await add_log(desk, pieces)
        forwards = await chain(desk, id, max_bytes=most, stream=stream)
        assert join(forwards) == (whole, decode(mine)), pieces
        end = forwards[-1].end_cursor
        assert join(await chain_back(desk, id, end, max_bytes=most, stream=stream)) == (whole, decode(mine)), pieces


@pytest.mark.sampled
async def test_lines_are_those_of_both_streams_as_stored(desk: Desk) -> None:
    for texts, sizes in collect(25, TEXTS, CUTS):
        pieces = cut(texts, sizes)
        whole = b"".join(piece.data for piece in pieces)
        lines = whole.split(b"\n")
        lines = [line + b"\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]
        id = await add_log(desk, pieces)
        for line in range(1, len(lines) + 3):
            found = await load(desk, id, from_line=line, lines=2)
            assert found.data == b"".join(lines[line - 1 : line + 1]), (pieces, line)
            assert found.first_line == (line if found.data else None)
        for count in range(len(lines) + 2):
            found = await load(desk, id, last_lines=count)
            assert found.data == b"".join(lines[len(lines) - count :] if count < len(lines) else lines), pieces
        if len(whole) > 3:
            found = await load(desk, id, after="o3", lines=1)
            assert found.data == (whole[3:].partition(b"\n")[0] + b"\n" if b"\n" in whole[3:] else whole[3:])


async def test_a_gap_ends_a_slice_and_lines_after_it_keep_their_numbers(desk: Desk) -> None:
    pieces = [
        LogPiece(OUT, b"one\ntwo"),
        LogPiece(ERR, b"e"),
        LogPiece(OUT, b"tail\nlast", (2000, 50, 1000)),
        LogPiece(ERR, b"!\n"),
    ]
    id = await add_log(desk, pieces)
    for most in (1, 3, 1000):
        forwards = await chain(desk, id, max_bytes=most)
        assert join(forwards)[0] == b"one\ntwoetail\nlast!\n"
        backwards = await chain_back(desk, id, forwards[-1].end_cursor, max_bytes=most)
        assert join(backwards)[0] == join(forwards)[0]
    assert [each.data for each in await chain(desk, id)] == [b"one\ntwoe", b"tail\nlast!\n"]
    assert [each.first_line for each in await chain(desk, id)] == [1, 1002]
    assert [each.data for each in await chain(desk, id, stream=OUT)] == [b"one\ntwo", b"tail\nlast"]
    assert (await load(desk, id, from_line=1003)).data == b"last!\n"
    assert (await load(desk, id, from_line=500, lines=1)).data == b""
    assert (await load(desk, id, from_line=500)).first_line == 1002
    (first, *_) = await chain(desk, id)
    assert (await load(desk, id, after=first.end_cursor, lines=1)).data == b"tail\n"


async def test_a_stream_of_which_nothing_is_left_after_the_gap_comes_to_an_end(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"head\n"), LogPiece(OUT, b"tail\n", (10, 20, 3))])
    found = await load(desk, id, stream=ERR)
    assert (found.data, found.has_after) == (b"", False)
    assert [each.data for each in await chain(desk, id, stream=OUT)] == [b"head\n", b"tail\n"]
    assert (await load(desk, id, last_lines=2)).data == b"tail\n"


async def test_a_character_that_the_bound_would_cut_stays_for_the_next_slice(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, "ab世cd".encode())])
    found = await load(desk, id, max_bytes=4)
    assert (found.data, found.text, found.end_cursor) == (b"ab", "ab", "o2")
    found = await load(desk, id, last_lines=1, max_bytes=4)
    assert (found.data, found.text, found.start_cursor) == (b"cd", "cd", "o5")


async def test_the_newest_lines_of_a_live_run_go_on_where_they_end(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"one\ntwo\nthr\xe4\xb8")], state=None)
    found = await load(desk, id, last_lines=2)
    assert (found.text, found.first_line, found.line_count, found.has_after) == ("two\nthr", 2, 2, False)
    await add_log(desk, [LogPiece(OUT, b"\x96\n")], state=None, id=id)
    assert (await load(desk, id, after=found.end_cursor)).text == "世\n"


async def test_a_run_without_output_has_an_empty_slice_and_a_cursor(desk: Desk) -> None:
    id = await add_log(desk, [], state=None)
    for asked in ({}, {"last_lines": 3}, {"from_line": 7}, {"before": "o0"}):
        found = await load(desk, id, **asked)
        assert found == OutputSlice(b"", "", "o0", "o0", has_before=False, has_after=False)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"max_bytes": 0}, "max_bytes"),
    ({"max_bytes": MIB + 1}, "max_bytes"),
    ({"from_line": 0}, "from_line"),
    ({"from_line": -1}, "from_line"),
    ({"lines": 0}, "lines"),
    ({"last_lines": -1}, "last_lines"),
    ({"last_lines": 2**31}, "last_lines"),
    ({"after": "o1", "before": "o2"}, "before"),
    ({"after": "o1", "from_line": 1}, "from_line"),
    ({"before": "o1", "last_lines": 1}, "last_lines"),
    ({"from_line": 1, "last_lines": 1}, "last_lines"),
    ({"lines": 1, "last_lines": 1}, "lines"),
    ({"lines": 1, "before": "o1"}, "lines"),
    ({"after": "nonsense"}, "after"),
    ({"after": "o99"}, "after"),
    ({"before": "o99"}, "before"),
]


@pytest.mark.parametrize(("asked", "field"), REFUSED)
async def test_what_cannot_be_asked_for_names_its_field(desk: Desk, asked: dict[str, Any], field: str) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"output")])
    with pytest.raises(Invalid) as raised:
        await load(desk, id, **asked)
    assert raised.value.field == (field,)


async def test_an_answer_carries_so_much_and_no_more(desk: Desk) -> None:
    ids = [await add_log(desk, [LogPiece(OUT, b"x" * 65_536) for _ in range(16)]) for _ in range(5)]
    budget, asked = AnswerBudget(), SliceRequest(max_bytes=MIB)
    found = await output_slices.load_slices(desk.viewer, ids, asked, budget)
    assert [type(each) for each in found] == [*[OutputSlice] * 4, TooLarge]
    (more,) = await output_slices.load_slices(desk.viewer, ids[:1], asked, budget)
    assert isinstance(more, TooLarge)


async def test_output_of_a_run_that_the_viewer_may_not_see_is_not_found(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"secret")])
    nobody = desk.as_a(Role.VIEWER)
    assert await output_slices.find_start(nobody, id, None, 1) == "o0"
    with pytest.raises(NotFound):
        await load(desk, 4711)
    with pytest.raises(NotFound):
        await output_slices.find_start(nobody, 4711, None, 1)


@pytest.mark.parametrize(("lines", "start"), [(0, 12), (1, 8), (2, 4), (3, 0), (99, 0), (2**31 - 1, 0)])
async def test_following_starts_before_the_newest_lines(desk: Desk, lines: int, start: int) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"one\ntwo\nsix\n")])
    assert await output_slices.find_start(desk.viewer, id, None, lines) == f"o{start}"


async def test_following_starts_in_the_last_mib_of_an_endless_line(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"x" * 65_536) for _ in range(40)])
    assert await output_slices.find_start(desk.viewer, id, None, 1) == f"o{40 * 65_536 - MIB}"
    found = await load(desk, id, last_lines=1)
    assert (len(found.data), found.first_line, found.line_count) == (65_536, 1, 1)
