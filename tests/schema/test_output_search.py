"""`outputMatches` and `searchOutput` over GraphQL."""

from typing import Any

import pytest

from db.values import Stream
from tests.support.service import Running

pytestmark = pytest.mark.anyio

LINE = """
fragment L on OutputMatch { number stream text isCut ranges { start end } before after startCursor endCursor }
"""
ONE = (
    """query($id: ID!, $first: Int, $after: String) { execution(id: $id) {
  outputMatches(pattern: "e.r", syntax: RE2, ignoreCase: true, context: 1, first: $first, after: $after) {
    nodes { ...L } endCursor isComplete scannedBytes } } }"""
    + LINE
)
MANY = (
    """query($filter: TaskExecutionFilter, $after: String) {
  searchOutput(pattern: "err", filter: $filter, first: 2, after: $after) {
    nodes { execution { id command } match { ...L } } endCursor isComplete scannedBytes } }"""
    + LINE
)


async def test_lines_with_matches_come_with_their_places_and_go_on_from_the_cursor(api: Running) -> None:
    run = await api.run()
    await run.write(b"one\nan Error\n")
    await run.write("世 err err\nlast\n".encode(), Stream.STDERR)
    await run.end()
    found = (await api.data(ONE, "viewer", id=str(run.id), first=1))["execution"]["outputMatches"]
    assert found == {
        "nodes": [
            {
                "number": 2,
                "stream": "STDOUT",
                "text": "an Error",
                "isCut": False,
                "ranges": [{"start": 3, "end": 6}],
                "before": ["one"],
                "after": ["世 err err"],
                "startCursor": "o4",
                "endCursor": "o13",
            }
        ],
        "endCursor": "o13",
        "isComplete": False,
        "scannedBytes": 30,
    }
    more = (await api.data(ONE, "viewer", id=str(run.id), after=found["endCursor"]))["execution"]["outputMatches"]
    (match,) = more["nodes"]
    assert (match["number"], match["stream"], match["before"]) == (3, "STDERR", ["an Error"])
    assert match["ranges"] == [{"start": 2, "end": 5}, {"start": 6, "end": 9}]
    assert more["isComplete"] is True
    shown = (
        "query($id: ID!, $after: String) { execution(id: $id) { output(after: $after, lines: 1) { text firstLine } } }"
    )
    line = (await api.data(shown, "viewer", id=str(run.id), after=match["startCursor"]))["execution"]["output"]
    assert line == {"text": "世 err err\n", "firstLine": 3}


async def test_the_outputs_of_executions_are_searched_newest_first(fresh: Running) -> None:
    ids = []
    for n in range(3):
        run = await fresh.run()
        await run.write(b"fine\nerr %d\n" % n)
        await run.end()
        ids.append(run.id)
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"endCursor": None, "isComplete": False}
    while not page["isComplete"]:
        given = {"filter": {"states": ["SUCCESS"]}, "after": page["endCursor"]}
        page = (await fresh.data(MANY, "viewer", **given))["searchOutput"]
        found += page["nodes"]
    assert [int(each["execution"]["id"]) for each in found] == ids[::-1]
    assert [each["match"]["text"] for each in found] == ["err 2", "err 1", "err 0"]
    assert {each["match"]["number"] for each in found} == {2}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ('pattern: ""', "pattern"),
        ('pattern: "a(", syntax: RE2', "pattern"),
        ('pattern: "a", context: 11', "context"),
        ('pattern: "a", first: 0', "first"),
        ('pattern: "a", after: "nonsense"', "after"),
    ],
)
async def test_a_search_that_cannot_be_is_an_error_of_its_field(api: Running, arguments: str, field: str) -> None:
    run = await api.run()
    selection = "{ endCursor }"
    for query in (
        f'{{ execution(id: "{run.id}") {{ id outputMatches({arguments}) {selection} }} }}',
        f"{{ searchOutput({arguments}) {selection} }}",
    ):
        answer = await api.graphql(query, "viewer")
        (error,) = answer["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID", [field]), query


async def test_the_searches_of_a_document_are_limited(api: Running) -> None:
    lists = '{ executions(first: 90) { nodes { outputMatches(pattern: "a") { endCursor } } } }'
    assert "errors" not in await api.graphql(lists, "viewer")
    twice = lists.replace("{ outputMatches", '{ more: outputMatches(pattern: "b") { endCursor } outputMatches')
    (error,) = (await api.graphql(twice, "viewer"))["errors"]
    assert "objects" in error["message"]
