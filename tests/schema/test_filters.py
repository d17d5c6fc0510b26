"""The filters of lists through the API: what is refused and in which words, and pages that end before they are full."""

from typing import Any

import pytest

from db import executions
from tests.support.listed_rows import add_executions, moment
from tests.support.service import Running

pytestmark = pytest.mark.anyio

PAGE = """query($filter: TaskExecutionFilter, $first: Int, $after: String, $last: Int, $before: String, $page: Int,
    $by: TaskExecutionOrder) {
  executions(filter: $filter, first: $first, after: $after, last: $last, before: $before, page: $page, orderBy: $by) {
    nodes { id exitCode durationMs } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


async def list_ids(api: Running, **variables: Any) -> list[int]:
    found = (await api.data(PAGE, "viewer", **variables))["executions"]
    return [int(node["id"]) for node in found["nodes"]]


async def test_executions_are_narrowed_by_how_they_ended(fresh: Running) -> None:
    (quick,) = await add_executions(fresh, 1, exit_code=0, duration_ms=10, start_time=moment(0), end_time=moment(1))
    (slow,) = await add_executions(
        fresh, 1, exit_code=2**32, duration_ms=2**40, start_time=moment(2), end_time=moment(9)
    )
    await add_executions(fresh, 1, exit_code=None, duration_ms=None, start_time=None, end_time=None, command="echo A")
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({"exitCodes": [0, 7]}, [quick]),
        ({"exitCodes": [2**32]}, [slow]),
        ({"exitCodeNonZero": True}, [slow]),
        ({"exitCodeNonZero": False}, [quick]),
        ({"durationMsFrom": 11}, [slow]),
        ({"durationMsTo": 2**40, "durationMsFrom": 10}, [slow, quick]),
        ({"startTimeFrom": "2026-01-01T00:01:00Z"}, [slow]),
        ({"startTimeTo": "2026-01-01T00:01:00Z"}, [quick]),
        ({"endTimeFrom": "2026-01-01T00:02:00Z", "endTimeTo": LATE}, [slow]),
        ({"endTimeTo": EARLY}, []),
        ({"commandContains": "cho A"}, [slow + 1]),
        ({"commandContains": "CHO A"}, []),
    ]
    for filter, expected in cases:
        assert await list_ids(fresh, filter=filter) == expected, filter


@pytest.mark.parametrize(
    ("field", "filter"),
    [
        ("reasons", {"reasons": []}),
        ("exitCodes", {"exitCodes": []}),
        ("exitCodes", {"exitCodes": [-1]}),
        ("exitCodes", {"exitCodes": list(range(33))}),
        ("commandContains", {"commandContains": ""}),
        ("commandContains", {"commandContains": "x" * 1001}),
        ("commandContains", {"commandContains": "a\0b"}),
        ("durationMsFrom", {"durationMsFrom": -1}),
        ("durationMsFrom", {"durationMsFrom": 2, "durationMsTo": 1}),
        ("startTimeFrom", {"startTimeFrom": LATE, "startTimeTo": EARLY}),
        ("endTimeFrom", {"endTimeFrom": LATE, "endTimeTo": EARLY}),
        ("tagsAll", {"tagsAll": []}),
        ("tagsAny", {"tagsAny": ["a b"]}),
        ("tagsNone", {"tagsNone": [f"t{n}" for n in range(33)]}),
    ],
)
async def test_a_filter_that_breaks_a_rule_is_refused_by_name(api: Running, field: str, filter: dict[str, Any]) -> None:
    (error,) = (await api.graphql(PAGE, "viewer", filter=filter))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID", ["filter", field])
    assert error["message"].startswith(f"{field} must ")


async def test_a_page_by_number_is_refused_with_a_part_of_the_command(api: Running) -> None:
    (error,) = (await api.graphql(PAGE, "viewer", filter={"commandContains": "x"}, page=1))["errors"]
    assert error["extensions"]["field"] == ["page"]


@pytest.mark.parametrize(("size", "place"), [("first", "after"), ("last", "before")])
@pytest.mark.parametrize("order", ["ID", "START_TIME"])
async def test_pages_by_a_part_of_the_command_go_on_where_they_stopped_looking(
    fresh: Running, monkeypatch: pytest.MonkeyPatch, size: str, place: str, order: str
) -> None:
    monkeypatch.setattr(executions, "SCANNED", 4)
    monkeypatch.setattr("db.execution_plans.RARE", 0)

    def start(n: int) -> Any:
        return moment(n) if n % 3 else None

    await add_executions(fresh, 22, command=lambda n: "find me" if n in (0, 13, 14) else "true", start_time=start)
    by, filter = {"field": order, "direction": "ASC"}, {"commandContains": "find me"}
    wanted = await list_ids(fresh, filter=filter | {"tagsNone": ["x"]}, first=100, by=by | {"field": "CREATED_AT"})
    found: list[int] = []
    forward, cursor, pages = size == "first", None, 0
    while True:
        page = (await fresh.data(PAGE, "viewer", filter=filter, by=by, **{size: 2, place: cursor}))["executions"]
        ids = [int(node["id"]) for node in page["nodes"]]
        found, pages = (found + ids if forward else ids + found), pages + 1
        cursor = page["pageInfo"]["endCursor" if forward else "startCursor"]
        if not page["pageInfo"]["hasNextPage" if forward else "hasPreviousPage"]:
            break
        assert cursor is not None
    assert sorted(found) == sorted(wanted)
    assert len(found) == 3
    assert pages >= 5
