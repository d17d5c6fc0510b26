"""Lists: filters, orders, pages by cursor and by number, totals."""

from typing import Any

import pytest

from db.values import Reason, Role, State, Trigger
from tests.support.listed_rows import add_executions, add_tasks, add_user, moment
from tests.support.service import Running

pytestmark = pytest.mark.anyio

TASKS = """query($filter: TaskFilter, $by: TaskOrder, $first: Int, $after: String, $last: Int, $before: String,
  $page: Int, $size: Int) {
  tasks(filter: $filter, orderBy: $by, first: $first, after: $after, last: $last, before: $before, page: $page,
    pageSize: $size) {
    edges { cursor node { id name } } nodes { id } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""
EXECUTIONS = """query($filter: TaskExecutionFilter, $by: TaskExecutionOrder) {
  executions(filter: $filter, orderBy: $by, first: 100) { nodes { id state } totalCount }
}"""


async def names(api: Running, **variables: Any) -> list[str]:
    found = (await api.data(TASKS, "viewer", **variables))["tasks"]
    assert [edge["node"]["id"] for edge in found["edges"]] == [node["id"] for node in found["nodes"]]
    return [edge["node"]["name"] for edge in found["edges"]]


async def refused(api: Running, query: str, **variables: Any) -> dict[str, Any]:
    """The one error of a query that is refused."""
    body = await api.graphql(query, "viewer", **variables)
    (error,) = body["errors"]
    return {"message": error["message"], **error["extensions"]}


async def test_tasks_are_narrowed_by_every_part_of_the_filter(fresh: Running) -> None:
    other = await add_user(fresh, "someone", Role.OPERATOR)
    await add_tasks(fresh, 3, name=lambda n: f"Backup {n}", last_run=moment)
    await add_tasks(fresh, 1, name="log_100%", enabled=False, created_by=other.id)
    every = ["Backup 0", "Backup 1", "Backup 2", "log_100%"]
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, every),
        ({"serverId": str(fresh.server.id)}, every),
        ({"serverId": "999"}, []),
        ({"enabled": True}, every[:3]),
        ({"enabled": False}, every[3:]),
        ({"name": "Backup 1"}, every[1:2]),
        ({"name": "backup 1"}, []),
        ({"name": "Backup"}, []),
        ({"nameContains": "BACK"}, every[:3]),
        ({"nameContains": "g_1"}, every[3:]),
        ({"nameContains": "g%1"}, []),
        ({"nameContains": ""}, every),
        ({"lastRunFrom": "2026-01-01T00:01:00Z"}, every[1:3]),
        ({"lastRunTo": "2026-01-01T08:01:00+08:00"}, every[:2]),
        ({"createdById": str(other.id)}, every[3:]),
        ({"tagsNone": ["web"]}, every),
        ({"tagsAny": ["web"]}, []),
        ({"enabled": None, "nameContains": "Backup", "lastRunTo": "2026-01-01T00:00:00Z"}, every[:1]),
    ]
    for filter, expected in cases:
        assert await names(fresh, filter=filter) == expected, filter


async def test_executions_are_narrowed_by_every_part_of_the_filter(fresh: Running) -> None:
    other = await add_user(fresh, "someone", Role.OPERATOR)
    (task,) = await add_tasks(fresh, 1)
    (done,) = await add_executions(fresh, 1, task_id=task, created_at=moment(0))
    failing = {"state": State.FAILED, "reason": Reason.SIGNAL, "trigger": Trigger.SCHEDULE}
    (failed,) = await add_executions(fresh, 1, created_at=moment(5), created_by=other.id, **failing)
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [failed, done]),
        ({"states": ["FAILED", "TIMEOUT"]}, [failed]),
        ({"states": []}, []),
        ({"serverId": str(fresh.server.id)}, [failed, done]),
        ({"serverId": "999"}, []),
        ({"taskId": str(task)}, [done]),
        ({"trigger": "SCHEDULE"}, [failed]),
        ({"createdById": str(other.id)}, [failed]),
        ({"createdFrom": "2026-01-01T00:05:00Z"}, [failed]),
        ({"createdTo": "2026-01-01T00:04:59.999Z"}, [done]),
        ({"reasons": ["SIGNAL", "LOST"]}, [failed]),
        ({"commandContains": "ls"}, []),
        ({"tagsNone": ["web"]}, [failed, done]),
        ({"tagsAll": ["web"]}, []),
    ]
    for filter, expected in cases:
        found = (await fresh.data(EXECUTIONS, "viewer", filter=filter))["executions"]
        assert [int(node["id"]) for node in found["nodes"]] == expected, filter
        assert found["totalCount"] == len(expected)


async def test_servers_are_narrowed_by_every_part_of_the_filter(api: Running) -> None:
    query = "query($filter: ServerFilter) { servers(filter: $filter) { nodes { name } } }"
    change = 'mutation($id: ID!) { updateServer(input: {id: $id, tags: ["web"]}) { errors { message } } }'
    assert (await api.data(change, "admin", id=str(api.server.id)))["updateServer"]["errors"] == []
    kept: list[dict[str, Any]] = [
        {},
        {"name": "a server"},
        {"nameContains": "SERVER"},
        {"enabled": True},
        {"tag": "web"},
    ]
    kept += [{"tagsAll": ["web"]}, {"tagsAny": ["web", "db"]}, {"tagsNone": ["db"]}]
    for filter in kept:
        assert (await api.data(query, "viewer", filter=filter))["servers"]["nodes"] == [{"name": "a server"}], filter
    for filter in ({"name": "a serve"}, {"nameContains": "nothing"}, {"enabled": False}, {"tag": "we"}):
        assert (await api.data(query, "viewer", filter=filter))["servers"]["nodes"] == [], filter


@pytest.mark.parametrize("field", ["NAME", "LAST_RUN", "NEXT_RUN", "CREATED_AT", "ID"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_pages_by_cursor_join_to_the_whole_list_in_both_directions(
    fresh: Running, field: str, direction: str
) -> None:
    def sometimes(number: int) -> Any:
        return moment(number // 3) if number % 2 else None

    await add_tasks(fresh, 11, name=lambda n: f"{n * 7 % 11:02}", last_run=sometimes, next_run=sometimes)
    by = {"field": field, "direction": direction}
    whole = await names(fresh, by=by, first=100)
    assert sorted(whole) == [f"{n:02}" for n in range(11)]
    assert await pages(fresh, "first", "after", by) == whole
    assert await pages(fresh, "last", "before", by) == whole
    if field == "NAME":
        assert whole == sorted(whole, reverse=direction == "DESC")


async def pages(api: Running, size: str, place: str, by: dict[str, str]) -> list[str]:
    """The whole list, four at a time, from one end to the other."""
    found: list[str] = []
    forward, cursor = size == "first", None
    while True:
        page = (await api.data(TASKS, "viewer", by=by, **{size: 4, place: cursor}))["tasks"]
        part = [edge["node"]["name"] for edge in page["edges"]]
        found = found + part if forward else part + found
        assert page["totalCount"] == 11
        assert page["pageInfo"]["hasPreviousPage" if forward else "hasNextPage"] == (cursor is not None)
        cursor = page["pageInfo"]["endCursor" if forward else "startCursor"]
        if not page["pageInfo"]["hasNextPage" if forward else "hasPreviousPage"]:
            return found


async def test_pages_by_number_join_to_the_whole_list(fresh: Running) -> None:
    await add_tasks(fresh, 5)
    assert await names(fresh, page=1, size=2) == ["task 0", "task 1"]
    assert await names(fresh, page=3, size=2) == ["task 4"]
    assert await names(fresh, page=4, size=2) == []
    assert len(await names(fresh, page=1)) == 5


async def test_an_empty_list_has_no_cursors(fresh: Running) -> None:
    found = (await fresh.data(TASKS))["tasks"]
    nothing = {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}
    assert found == {"edges": [], "nodes": [], "totalCount": 0, "pageInfo": nothing}


@pytest.mark.parametrize(
    ("field", "variables"),
    [
        ("first", {"first": 0}),
        ("first", {"first": 101}),
        ("first", {"first": -1}),
        ("last", {"last": 101}),
        ("first", {"first": 1, "last": 1}),
        ("page", {"page": 0}),
        ("page", {"page": 1_000_001}),
        ("page", {"page": 1, "first": 5}),
        ("pageSize", {"size": 0}),
        ("pageSize", {"page": 1, "size": 101}),
        ("after", {"after": "not a cursor"}),
        ("before", {"before": "WyJpZCIsInYiLCJ4IiwxXQ"}),
        ("filter.serverId", {"filter": {"serverId": "abc"}}),
        ("filter.serverId", {"filter": {"serverId": "0"}}),
        ("filter.serverId", {"filter": {"serverId": "9223372036854775808"}}),
        ("filter.createdById", {"filter": {"createdById": "-1"}}),
        ("filter.nameContains", {"filter": {"nameContains": "x" * 101}}),
        ("filter.name", {"filter": {"name": ""}}),
        ("filter.name", {"filter": {"name": "x" * 101}}),
        ("filter.name", {"filter": {"name": "a\nb"}}),
    ],
)
async def test_a_list_argument_that_is_out_of_bounds_is_refused_by_name(
    api: Running, field: str, variables: dict[str, Any]
) -> None:
    error = await refused(api, TASKS, **variables)
    assert (error["code"], error["field"]) == ("INVALID", field.split("."))
    assert error["message"].startswith(field.split(".")[-1] + " ")


async def test_a_cursor_of_another_order_is_refused(fresh: Running) -> None:
    await add_tasks(fresh, 3)
    cursor = (await fresh.data(TASKS, first=1))["tasks"]["pageInfo"]["endCursor"]
    error = await refused(fresh, TASKS, after=cursor, by={"field": "NAME"})
    assert error["field"] == ["after"]
    assert await names(fresh, after=cursor) == ["task 1", "task 2"]


async def test_one_object_is_found_by_its_id_and_null_without_one(fresh: Running) -> None:
    (task,) = await add_tasks(fresh, 1)
    (run,) = await add_executions(fresh, 1, task_id=task)
    query = "query($t: ID!, $e: ID!, $s: ID!) { task(id: $t) { id } execution(id: $e) { id } server(id: $s) { id } }"
    found = await fresh.data(query, "viewer", t=task, e=run, s=fresh.server.id)
    assert found == {"task": {"id": str(task)}, "execution": {"id": str(run)}, "server": {"id": str(fresh.server.id)}}
    assert await fresh.data(query, "viewer", t=99, e=99, s=99) == {"task": None, "execution": None, "server": None}


@pytest.mark.parametrize("id", ["abc", "", "0", "-1", "1.5", "９", "9223372036854775808", "1" * 30])
async def test_an_id_that_is_none_is_refused_by_name(api: Running, id: str) -> None:
    for field in ("task", "execution", "server"):
        error = await refused(api, f"query($id: ID!) {{ {field}(id: $id) {{ id }} }}", id=id)
        assert (error["code"], error["field"]) == ("INVALID", ["id"])


async def test_a_deleted_task_is_gone_from_lists_and_still_named_by_its_history(fresh: Running) -> None:
    (task,) = await add_tasks(fresh, 1)
    (run,) = await add_executions(fresh, 1, task_id=task)
    await fresh.data("mutation($id: ID!) { deleteTask(input: {id: $id}) { task { id } } }", id=task)
    query = "query($t: ID!, $e: ID!) { task(id: $t) { id } execution(id: $e) { task { name deletedAt } } }"
    found = await fresh.data(query, t=task, e=run)
    assert found["task"] is None
    assert found["execution"]["task"]["name"] == "task 0"
    assert found["execution"]["task"]["deletedAt"] is not None
    assert await names(fresh) == []
