"""Fleet tasks in GraphQL: what is given of their servers and terms is read back, and a start needs no selector."""

import pytest

from tests.support.service import Running

pytestmark = pytest.mark.anyio

FIELDS = """id serverId server { id } selector { nameContains tagsAll byIds }
  fleet { batchSize { number percent } pauseSeconds stopAfter { number percent } onRefused }"""
CREATE = f"""mutation ($input: CreateTaskInput!) {{
  createTask(input: $input) {{ task {{ {FIELDS} }} errors {{ message field }} }} }}"""
UPDATE = f"""mutation ($input: UpdateTaskInput!) {{
  updateTask(input: $input) {{ task {{ {FIELDS} }} errors {{ message field }} }} }}"""
START = """mutation ($id: ID!) { startFleetRun(input: {work: {taskId: $id}}) {
  fleetRun { task { id } counts { size } selector { nameContains } } errors { message field } } }"""
RUN = "mutation ($id: ID!) { runTask(input: {taskId: $id}) { execution { id } errors { code message field } } }"
TASK = {"name": "everywhere", "command": "df -h", "cronExpr": "@manual"}


async def test_a_fleet_task_from_its_making_to_its_run(fresh: Running) -> None:
    fleet = {"batchSize": {"percent": 10}, "stopAfter": {"failures": 2}, "pauseSeconds": 3, "onRefused": "FAIL_ALL"}
    given = TASK | {"selector": {"nameContains": ""}, "fleet": fleet}
    made = (await fresh.data(CREATE, input=given))["createTask"]["task"]
    assert (made["serverId"], made["server"]) == (None, None)
    assert made["selector"] == {"nameContains": "", "tagsAll": None, "byIds": False}
    assert made["fleet"] == {
        "batchSize": {"number": None, "percent": 10},
        "pauseSeconds": 3,
        "stopAfter": {"number": 2, "percent": None},
        "onRefused": "FAIL_ALL",
    }
    started = (await fresh.data(START, id=made["id"]))["startFleetRun"]
    assert started["errors"] == []
    assert started["fleetRun"]["task"] == {"id": made["id"]}
    assert started["fleetRun"]["counts"]["size"] >= 1
    (error,) = (await fresh.data(RUN, id=made["id"]))["runTask"]["errors"]
    assert (error["code"], error["field"]) == ("CONFLICT", ["taskId"])
    back = {"id": made["id"], "serverId": str(fresh.server.id)}
    task = (await fresh.data(UPDATE, input=back))["updateTask"]["task"]
    assert (task["serverId"], task["selector"], task["fleet"]) == (str(fresh.server.id), None, None)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, ["serverId"]),
        ({"serverId": "1", "selector": {"nameContains": ""}}, ["selector"]),
        ({"selector": {}}, ["selector"]),
        ({"selector": {"nameContains": ""}, "terms": {"retryLimit": 1}}, ["terms", "retryLimit"]),
    ],
)
async def test_what_is_wrong_is_named(api: Running, given: dict[str, object], field: list[str]) -> None:
    (error,) = (await api.data(CREATE, input=TASK | given))["createTask"]["errors"]
    assert error["field"] == field
