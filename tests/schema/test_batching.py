"""Nested fields cost one statement a kind, however long the page is."""

import pytest
from sqlalchemy import Connection

from db import executions
from db.values import Role, State
from tests.support import rows
from tests.support.listed_rows import add_executions, add_history, add_tasks, add_user
from tests.support.service import Running
from tests.support.statements import counted

pytestmark = pytest.mark.anyio

NESTED = """query($first: Int!) { tasks(first: $first) { totalCount edges { node {
  id name server { id name createdBy { name } } createdBy { id name } latestExecution { id state createdBy { id } }
} } } }"""
LISTS = """query($first: Int!) { tasks(first: $first) { nodes {
  id executions(first: 3) { totalCount nodes { id } pageInfo { hasNextPage } }
} } }"""


async def test_a_page_with_its_objects_takes_no_more_statements_for_100_tasks_than_for_2(fresh: Running) -> None:
    users = [await add_user(fresh, f"user{number}", Role.OPERATOR) for number in range(7)]
    tasks = await add_tasks(fresh, 100, created_by=lambda n: users[n % 7].id)
    for task in tasks[::2]:
        await add_executions(fresh, 2, task_id=task)
    counts = {}
    for first in (2, 100):
        with counted() as found:
            page = (await fresh.data(NESTED, first=first))["tasks"]
        counts[first] = len(found)
        assert len(page["edges"]) == first
    # Who asks; the tasks; their total; servers; newest executions; the users of each of the three kinds, or of several.
    assert max(counts.values()) <= 8, counts
    by_id = {int(edge["node"]["id"]): edge["node"] for edge in page["edges"]}
    assert by_id[tasks[0]]["createdBy"]["name"] == "user0"
    assert by_id[tasks[8]]["createdBy"]["name"] == "user1"
    assert by_id[tasks[0]]["latestExecution"]["state"] == State.SUCCESS
    assert by_id[tasks[1]]["latestExecution"] is None


async def test_lists_within_a_list_take_one_statement_and_their_totals_one(fresh: Running) -> None:
    tasks = await add_tasks(fresh, 100)
    for task in tasks[:4]:
        await add_history(fresh, task, 5)
    with counted() as found:
        nodes = (await fresh.data(LISTS, first=100))["tasks"]["nodes"]
    assert len(found) == 4, found
    for node in nodes[:4]:
        ids = [int(execution["id"]) for execution in node["executions"]["nodes"]]
        assert len(ids) == 3
        assert ids == sorted(ids, reverse=True)
        assert node["executions"]["totalCount"] == 5
        assert node["executions"]["pageInfo"]["hasNextPage"]
    assert nodes[4]["executions"] == {"totalCount": 0, "nodes": [], "pageInfo": {"hasNextPage": False}}


async def test_a_nested_list_pages_like_any_other(fresh: Running) -> None:
    first, second = await add_tasks(fresh, 2)
    for task in (first, second):
        await add_history(fresh, task, 5)
    query = """query($id: ID!, $by: TaskExecutionOrder, $first: Int, $after: String, $last: Int, $before: String) {
      task(id: $id) { executions(orderBy: $by, first: $first, after: $after, last: $last, before: $before) {
        nodes { id task { id } } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } } }"""
    for by in (None, {"field": "START_TIME"}, {"field": "END_TIME", "direction": "DESC"}):
        whole = (await fresh.data(query, id=second, by=by))["task"]["executions"]
        ids = [node["id"] for node in whole["nodes"]]
        assert len(ids) == 5
        assert {node["task"]["id"] for node in whole["nodes"]} == {str(second)}
        one = (await fresh.data(query, id=second, by=by, first=2))["task"]["executions"]
        two = await fresh.data(query, id=second, by=by, first=9, after=one["pageInfo"]["endCursor"])
        assert [node["id"] for node in one["nodes"] + two["task"]["executions"]["nodes"]] == ids
        end = (await fresh.data(query, id=second, by=by, last=2))["task"]["executions"]
        start = await fresh.data(query, id=second, by=by, last=9, before=end["pageInfo"]["startCursor"])
        assert [node["id"] for node in start["task"]["executions"]["nodes"] + end["nodes"]] == ids
        assert one["pageInfo"]["hasNextPage"]
        assert end["pageInfo"]["hasPreviousPage"]


async def test_a_servers_tasks_are_listed_and_filtered(fresh: Running) -> None:
    await add_tasks(fresh, 3, enabled=lambda n: n != 1)
    query = "query($f: TaskFilter) { servers { nodes { tasks(filter: $f) { totalCount nodes { name } } } } }"
    (server,) = (await fresh.data(query, f={"enabled": True}))["servers"]["nodes"]
    assert server["tasks"] == {"totalCount": 2, "nodes": [{"name": "task 0"}, {"name": "task 2"}]}


async def test_a_total_is_counted_only_when_it_is_asked_for(fresh: Running) -> None:
    await add_tasks(fresh, 3)
    with counted() as found:
        await fresh.data("{ tasks { nodes { id } } }")
    assert not any("count(" in statement for statement in found)
    with counted() as found:
        assert (await fresh.data("{ tasks { totalCount } }"))["tasks"] == {"totalCount": 3}
    assert sum("count(" in statement for statement in found) == 1


FLEETS = """query($first: Int!) { fleetRuns(first: $first) { nodes {
  id counts { size success }
  members(first: 2) { totalCount nodes { serverId execution { id } } pageInfo { hasNextPage } }
  executions(first: 2) { totalCount nodes { id server { name } } pageInfo { hasNextPage } } } } }"""


async def test_a_page_of_fleet_runs_takes_no_more_statements_for_30_than_for_2(fresh: Running) -> None:
    servers = [(await fresh.service.store.run(rows.server)).id for _ in range(3)]
    for number in range(30):
        run = await fresh.service.store.run(rows.fleet_run, servers)
        for server in servers[: 3 if number else 2]:
            (id,) = await add_executions(fresh, 1, server_id=server, fleet_run_id=run.id)
            await fresh.service.store.run(join, id)
    counts = {}
    for first in (2, 30):
        with counted() as found:
            nodes = (await fresh.data(FLEETS, first=first))["fleetRuns"]["nodes"]
        counts[first] = len(found)
    # Who asks; the fleet runs; their counts; members, executions, the totals of both; members' executions; servers.
    assert max(counts.values()) <= 9, counts
    for node in nodes:
        size = 2 if node is nodes[-1] else 3
        assert node["counts"] == {"size": 3, "success": size}
        assert [each["serverId"] for each in node["members"]["nodes"]] == [str(id) for id in servers[:2]]
        assert (node["members"]["totalCount"], node["members"]["pageInfo"]["hasNextPage"]) == (3, True)
        assert (node["executions"]["totalCount"], node["executions"]["pageInfo"]["hasNextPage"]) == (size, size == 3)
        of_members = {each["execution"]["id"] for each in node["members"]["nodes"]}
        assert len(of_members | {each["id"] for each in node["executions"]["nodes"]}) == size


def join(conn: Connection, id: int) -> None:
    row = executions.by_id(conn, id)
    assert row is not None
    rows.join(conn, row)
