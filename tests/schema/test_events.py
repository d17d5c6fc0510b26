"""`events` as a client reads it: each kind of event as its own type, as history and live."""

import asyncio
from typing import Any

import pytest

from db import events as table
from tests.support.service import Running

pytestmark = pytest.mark.anyio

FIELDS = """__typename cursor at kind actor { name }
  ... on ExecutionEvent { executionId state reason execution { state command } }
  ... on SlotEvent { slotId taskId outcome slot { outcome task { name } } }
  ... on TaskEvent { taskId task { name deletedAt } }
  ... on ServerEvent { serverId server { name } }
  ... on AuditRecorded { auditEvent { kind actor } }"""
PAGE = f"""query($filter: EventFilter, $first: Int, $after: String, $last: Int) {{
  events(filter: $filter, first: $first, after: $after, last: $last) {{
    totalCount nodes {{ {FIELDS} }} edges {{ cursor node {{ cursor }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""
FOLLOW = (
    f"subscription($filter: EventFilter, $after: String) {{ events(filter: $filter, after: $after) {{ {FIELDS} }} }}"
)
RUN = 'mutation { runCommand(input: {serverId: "1", command: "df"}) { execution { id } } }'
START = """mutation { startFleetRun(input: {work: {command: {command: "df"}}, selector: {ids: ["1"]}}) {
  fleetRun { id } } }"""
CREATE = """mutation($name: String!) { createTask(input: {name: $name, command: "df", serverId: "1", cronExpr: "@once"})
  { task { id } } }"""


async def read(api: Running, role: str = "admin", **variables: Any) -> Any:
    return (await api.data(PAGE, role, **{"first": 100} | variables))["events"]


@pytest.mark.parametrize("fresh", [True, False], ids=["by plans", "by graphql-core"], indirect=True)
async def test_each_event_is_shown_by_its_type(fresh: Running) -> None:
    task = (await fresh.data(CREATE, name="nightly"))["createTask"]["task"]["id"]
    page = await read(fresh, filter={"taskId": task})
    found = {node["kind"]: node for node in page["nodes"]}
    assert page["totalCount"] == len(found) == 3
    assert page["edges"] == [{"cursor": node["cursor"], "node": {"cursor": node["cursor"]}} for node in page["nodes"]]
    created = found["EXECUTION_CREATED"]
    assert (created["__typename"], created["state"], created["reason"]) == ("ExecutionEvent", "PENDING", None)
    assert created["execution"] == {"state": "PENDING", "command": "df"}
    slot = found["SLOT_DECIDED"]
    assert (slot["__typename"], slot["outcome"], slot["actor"]) == ("SlotEvent", "FIRED", None)
    assert slot["slot"] == {"outcome": "FIRED", "task": {"name": "nightly"}}
    assert found["TASK_CREATED"]["task"] == {"name": "nightly", "deletedAt": None}
    assert found["TASK_CREATED"]["actor"] == {"name": "the.operator"}
    server = (await read(fresh, filter={"kinds": ["SERVER_CREATED"]}))["nodes"][0]
    assert (server["__typename"], server["server"]["name"]) == ("ServerEvent", fresh.server.name)
    audit = (await read(fresh, filter={"kinds": ["AUDIT_RECORDED"]}))["nodes"][-1]
    assert (audit["__typename"], audit["auditEvent"]["kind"]) == ("AuditRecorded", "TASK_CREATED")


async def test_the_events_of_a_fleet_run_are_its_own_and_those_of_its_executions(fresh: Running) -> None:
    ids = [(await fresh.data(START))["startFleetRun"]["fleetRun"]["id"] for _ in range(2)]
    await fresh.data(RUN)
    for id in ids:
        page = await read(fresh, filter={"fleetRunId": id})
        assert [node["kind"] for node in page["nodes"]] == ["FLEET_RUN_CREATED", "EXECUTION_CREATED"]
        assert page["totalCount"] == 2
    created = await read(fresh, filter={"fleetRunId": ids[0], "kinds": ["EXECUTION_CREATED"]})
    assert len(created["nodes"]) == 1


async def test_a_client_goes_on_where_it_was_from_history_to_live(fresh: Running) -> None:
    end = (await read(fresh, last=1, first=None))["pageInfo"]["endCursor"]
    ids = [(await fresh.data(RUN))["runCommand"]["execution"]["id"] for _ in range(3)]
    filter = {"kinds": ["EXECUTION_CREATED"]}
    async with fresh.socket("viewer") as socket:
        told = socket.follow(FOLLOW, filter=filter, after=end)
        seen = [(await anext(told))["data"]["events"] for _ in ids]
        coming = asyncio.ensure_future(anext(told))
        ids.append((await fresh.data(RUN))["runCommand"]["execution"]["id"])
        seen.append((await coming)["data"]["events"])
    assert [event["executionId"] for event in seen] == ids
    page = await read(fresh, "viewer", filter=filter, after=seen[1]["cursor"], first=1)
    assert [node["executionId"] for node in page["nodes"]] == ids[2:3]
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": True,
        "startCursor": seen[2]["cursor"],
        "endCursor": seen[2]["cursor"],
    }


async def test_an_empty_page_has_a_cursor_to_go_on_from(fresh: Running) -> None:
    info = (await read(fresh, filter={"executionId": "4711"}))["pageInfo"]
    await fresh.data(RUN)
    page = await read(fresh, after=info["endCursor"], filter={"kinds": ["EXECUTION_CREATED"]})
    assert len(page["nodes"]) == 1


async def test_what_is_gone_is_null_and_its_event_stays(fresh: Running) -> None:
    await fresh.data(RUN)
    await fresh.service.store.run(lambda conn: conn.exec_driver_sql("DELETE FROM task_executions"))
    (event,) = (await read(fresh, filter={"kinds": ["EXECUTION_CREATED"]}))["nodes"]
    assert (event["state"], event["execution"]) == ("PENDING", None)


async def test_an_expired_cursor_has_a_code_of_its_own_in_both(fresh: Running) -> None:
    cursor = (await read(fresh, first=1))["pageInfo"]["endCursor"]
    newest = (await read(fresh))["nodes"][-1]
    await fresh.service.store.run(table.prune, fresh.service.clock().replace(year=2100), 1000)
    body = await fresh.graphql(PAGE, "admin", after=cursor)
    assert body["errors"][0]["extensions"] == {"code": "CURSOR_EXPIRED", "field": ["after"]}
    async with fresh.socket("admin") as socket:
        await socket.subscribe(FOLLOW, after=cursor)
        message = await socket.receive()
        codes = [error["extensions"]["code"] for error in find_errors(message)]
        assert codes == ["CURSOR_EXPIRED"]
    assert not (await read(fresh, after=newest["cursor"]))["nodes"]


def find_errors(message: dict[str, Any]) -> list[Any]:
    """The errors of an operation that fails, at once or in its stream."""
    payload = message["payload"]
    return list(payload if isinstance(payload, list) else payload["errors"])
