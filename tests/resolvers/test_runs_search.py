"""Searches in the outputs of many runs: newest first, page by page, of those that the viewer may see."""

import pytest

from db.executions import ExecutionFilter
from db.values import Role, State, Stream
from resolvers import output_search
from resolvers.errors import NotFound
from resolvers.output_search import SearchRequest
from resolvers.search_budget import SearchBudget
from tests.support.desk import Desk
from tests.support.logs import LogPiece, SpentTime, add_log

pytestmark = pytest.mark.anyio

OUT, ERR = Stream


@pytest.fixture
def desk(either_desk: Desk) -> Desk:
    return either_desk


async def test_runs_are_searched_newest_first_and_page_by_page(desk: Desk) -> None:
    ids = [await add_log(desk, [LogPiece(OUT, b"x %d\nno\nx again\n" % n)]) for n in range(5)]
    ids.insert(0, await add_log(desk, [LogPiece(OUT, b"nothing\n")]))
    ids.append(await add_log(desk, []))
    expected = [(id, number) for id in reversed(ids[1:6]) if id not in (ids[0],) for number in (1, 3)]
    for first in (1, 3, 10, 100):
        found: list[tuple[int, int]] = []
        after, more = None, True
        while more:
            asked = SearchRequest(pattern="x", first=first, after=after)
            page = await output_search.search_outputs(desk.viewer, ExecutionFilter(), asked, SearchBudget())
            assert len(page.nodes) <= first
            found += [(match.execution_id, match.number) for match in page.nodes]
            after, more = page.end_cursor, not page.is_complete
        assert found == expected, first


async def test_a_search_over_runs_without_time_comes_to_its_end(desk: Desk) -> None:
    for n in range(4):
        await add_log(desk, [LogPiece(OUT, b"x %d\n" % n)])
    found, after, pages = [], None, 0
    while True:
        budget = SearchBudget(seconds=1, clock=SpentTime())
        asked = SearchRequest(pattern="x", after=after)
        page = await output_search.search_outputs(desk.viewer, ExecutionFilter(), asked, budget)
        found += [match.marked.text for match in page.nodes]
        after, pages = page.end_cursor, pages + 1
        if page.is_complete:
            break
    assert found == ["x 3", "x 2", "x 1", "x 0"]
    assert pages > 1


async def test_nobody_searches_what_they_may_not_see(desk: Desk) -> None:
    id = await add_log(desk, [LogPiece(OUT, b"secret\n")])
    nobody, asked = desk.as_a(Role.NONE), SearchRequest(pattern="secret")
    with pytest.raises(NotFound):
        await output_search.search_output(nobody, id, asked, SearchBudget())
    page = await output_search.search_outputs(nobody, ExecutionFilter(), asked, SearchBudget())
    assert (list(page.nodes), page.is_complete) == ([], True)
    states = ExecutionFilter(states=(State.SUCCESS,))
    assert (await output_search.search_outputs(desk.viewer, states, asked, SearchBudget())).nodes
    other = ExecutionFilter(states=(State.FAILED,))
    assert not (await output_search.search_outputs(desk.viewer, other, asked, SearchBudget())).nodes
