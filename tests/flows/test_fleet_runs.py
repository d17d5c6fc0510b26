"""Fleet runs over real HTTP and SSH: planned, started in batches by their digest, and read back by GraphQL."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.service import Running, running
from tests.support.targets import Target, openssh
from tests.support.waiting import until_async

__all__ = ["openssh"]

pytestmark = pytest.mark.anyio

SERVER = """mutation($input: CreateServerInput!) { createServer(input: $input) {
  server { id } errors { code message field } } }"""
PLAN = """query($input: FleetRunPlanInput!) { fleetRunPlan(input: $input) {
  digest size refusedCount servers(refused: true) { nodes { server { name } refusal message } }
  errors { code message field } } }"""
START = """mutation($input: StartFleetRunInput!) { startFleetRun(input: $input) {
  fleetRun { id state counts { size } batchSize { number percent } createdBy { name } }
  errors { __typename code message field ... on ServersRefused { refused { name refusal } } } } }"""
READ = """query($id: ID!) { fleetRun(id: $id) { state reason command counts { size success failed refused waiting }
  members { nodes { server { name } state execution { id exitCode fleetRun { id } } } }
  executions(filter: {states: [SUCCESS]}) { totalCount }
  envNames secretEnv { name } selector { tagsAll byIds } } }"""
EVENTS = """query($filter: EventFilter) { events(filter: $filter) {
  nodes { kind ... on FleetRunEvent { fleetRunId fleetRunState fleetRun { id } } } } }"""
RETRY = """mutation($input: RetryFleetRunInput!) { retryFleetRun(input: $input) {
  fleetRun { id retryOf { id } counts { size } } errors { code message field } } }"""
CANCEL = """mutation($input: CancelFleetRunInput!) { cancelFleetRun(input: $input) {
  fleetRun { id cancelRequestedAt cancelledBy { name } } errors { code message field } } }"""


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("fleets"), drive=True) as found:
        yield found


async def enrol(service: Running, target: Target, number: int, tag: str) -> None:
    """The same sshd under several names."""
    where = {"host": target.host, "port": target.port, "username": target.username, "hostKeys": [target.host_key]}
    given = where | {"credential": {"privateKey": target.private_key}, "tags": [tag]}
    for at in range(number):
        found = (await service.data(SERVER, "admin", input=given | {"name": f"{tag}-{at}"}))["createServer"]
        assert found["errors"] == []


async def follow(service: Running, id: str) -> dict[str, Any]:
    """The fleet run once it has ended."""

    async def has_ended() -> bool:
        return bool((await service.data(READ, "viewer", id=id))["fleetRun"]["state"] != "RUNNING")

    await until_async(has_ended, 60)
    found: dict[str, Any] = (await service.data(READ, "viewer", id=id))["fleetRun"]
    return found


async def test_a_plan_is_carried_out_in_batches_and_each_server_runs_once(service: Running, openssh: Target) -> None:
    await enrol(service, openssh, 5, "web")
    command = {
        "command": 'printf "%s %s" "$GREETING" "$TOKEN" | wc -c; cat',
        "env": [{"name": "GREETING", "value": "hello"}],
        "secretEnv": [{"name": "TOKEN", "value": "a secret value"}],
        "stdin": base64.b64encode(b"the input").decode(),
    }
    wanted: dict[str, Any] = {"work": {"command": command}, "selector": {"tagsAll": ["web"]}}
    plan = (await service.data(PLAN, "operator", input=wanted))["fleetRunPlan"]
    assert (plan["size"], plan["refusedCount"], plan["errors"]) == (5, 0, [])
    given = wanted | {"planDigest": plan["digest"], "batchSize": {"servers": 2}, "idempotencyKey": "one"}
    first = (await service.data(START, "operator", input=given))["startFleetRun"]
    assert first["errors"] == []
    id = first["fleetRun"]["id"]
    assert first["fleetRun"]["batchSize"] == {"number": 2, "percent": None}
    again = (await service.data(START, "operator", input=given))["startFleetRun"]
    assert again["fleetRun"]["id"] == id
    row = await follow(service, id)
    assert (row["state"], row["reason"]) == ("SUCCESS", None)
    assert row["counts"] == {"size": 5, "success": 5, "failed": 0, "refused": 0, "waiting": 0}
    assert row["executions"]["totalCount"] == 5
    assert [each["server"]["name"] for each in row["members"]["nodes"]] == [f"web-{at}" for at in range(5)]
    assert {each["execution"]["fleetRun"]["id"] for each in row["members"]["nodes"]} == {id}
    assert (row["envNames"], row["secretEnv"]) == (["GREETING"], [{"name": "TOKEN"}])
    assert row["selector"] == {"tagsAll": ["web"], "byIds": False}
    for each in row["members"]["nodes"]:
        log = (await service.ask("GET", f"/api/task/{each['execution']['id']}/log", "viewer")).json()
        assert log["output"].split("\n") == ["20", "the input"]
    kinds = ["FLEET_RUN_CREATED", "FLEET_RUN_ENDED"]
    events = (await service.data(EVENTS, "viewer", filter={"kinds": kinds}))["events"]["nodes"]
    assert [(each["kind"], each["fleetRunState"], each["fleetRun"]["id"]) for each in events] == [
        ("FLEET_RUN_CREATED", "RUNNING", id),
        ("FLEET_RUN_ENDED", "SUCCESS", id),
    ]


async def test_failures_stop_it_and_are_repeated_on_their_servers(service: Running, openssh: Target) -> None:
    await enrol(service, openssh, 3, "db")
    wanted = {"work": {"command": {"command": "exit 3"}}, "selector": {"tagsAll": ["db"]}}
    terms = {"batchSize": {"servers": 1}, "stopAfter": {"failures": 1}}
    found = (await service.data(START, "operator", input=wanted | terms))["startFleetRun"]
    row = await follow(service, found["fleetRun"]["id"])
    assert (row["state"], row["reason"]) == ("STOPPED", "STOP_AFTER")
    assert [each["state"] for each in row["members"]["nodes"]] == ["STARTED", "NOT_STARTED", "NOT_STARTED"]
    given = {"id": found["fleetRun"]["id"], "reasons": ["EXIT_STATUS"], "notStarted": True}
    again = (await service.data(RETRY, "operator", input=given))["retryFleetRun"]
    assert again["errors"] == []
    assert again["fleetRun"]["retryOf"] == {"id": found["fleetRun"]["id"]}
    assert again["fleetRun"]["counts"] == {"size": 3}
    assert (await follow(service, again["fleetRun"]["id"]))["state"] == "STOPPED"


async def test_a_cancelled_one_ends_on_every_server(service: Running, openssh: Target) -> None:
    await enrol(service, openssh, 3, "long")
    wanted = {"work": {"command": {"command": "sleep 600"}}, "selector": {"tagsAll": ["long"]}}
    found = (await service.data(START, "operator", input=wanted))["startFleetRun"]
    id = found["fleetRun"]["id"]
    cancelled = (await service.data(CANCEL, "operator", input={"id": id}))["cancelFleetRun"]
    assert cancelled["errors"] == []
    assert cancelled["fleetRun"]["cancelRequestedAt"] is not None
    assert (await follow(service, id))["state"] == "CANCELLED"
    assert (await service.data(CANCEL, "operator", input={"id": id}))["cancelFleetRun"]["errors"][0][
        "code"
    ] == "CONFLICT"


async def test_a_refused_start_lists_the_servers(service: Running, openssh: Target) -> None:
    await enrol(service, openssh, 2, "some")
    update = "mutation($input: UpdateServerInput!) { updateServer(input: $input) { errors { message } } }"
    wanted = {"work": {"command": {"command": "df"}}, "selector": {"tagsAll": ["some"]}}
    listed = (await service.data('{ servers(filter: {tag: "some"}) { nodes { id } } }', "admin"))["servers"]["nodes"]
    await service.data(update, "admin", input={"id": listed[0]["id"], "enabled": False})
    (error,) = (await service.data(START, "operator", input=wanted))["startFleetRun"]["errors"]
    assert (error["__typename"], error["code"]) == ("ServersRefused", "SERVERS_REFUSED")
    assert error["refused"] == [{"name": "some-0", "refusal": "DISABLED"}]
    plan = (await service.data(PLAN, "operator", input=wanted))["fleetRunPlan"]
    assert plan["servers"]["nodes"] == [
        {"server": {"name": "some-0"}, "refusal": "DISABLED", "message": "it is disabled"}
    ]


CREATE_TASK = """mutation($input: CreateTaskInput!) { createTask(input: $input) {
  task { id serverId } errors { message field } } }"""
SLOTS = """query($id: ID!) { task(id: $id) { slots(first: 20) { nodes {
  outcome executionId fleetRun { id slot } } } } }"""
OF_SLOT = """query($id: ID!) { fleetRun(id: $id) {
  state trigger counts { size success } executions(first: 10) { nodes {
    reason message slot parameters { name value secret } output { text } } } } }"""
DISABLE = "mutation($id: ID!) { setTaskEnabled(input: {id: $id, enabled: false}) { errors { message } } }"


async def test_a_slot_of_a_fleet_task_runs_on_its_servers_with_the_schedules_values(
    service: Running, openssh: Target
) -> None:
    await enrol(service, openssh, 3, "nightly")
    given = {
        "name": "nightly",
        "command": 'echo "$WORD"; printf "%s" "$HIDDEN" | wc -c',
        "cronExpr": "* * * * * *",
        "selector": {"tagsAll": ["nightly"]},
        "fleet": {"batchSize": {"servers": 2}},
        "terms": {"overlap": "SKIP"},
        "parameters": [{"name": "WORD", "type": "STRING"}, {"name": "HIDDEN", "type": "SECRET"}],
        "parameterValues": [{"name": "WORD", "value": "moon"}, {"name": "HIDDEN", "value": "a secret value"}],
    }
    made = (await service.data(CREATE_TASK, "operator", input=given))["createTask"]
    assert made["errors"] == []
    id = made["task"]["id"]

    fired: list[dict[str, Any]] = []

    async def has_fired() -> bool:
        slots = (await service.data(SLOTS, "viewer", id=id))["task"]["slots"]["nodes"]
        fired[:] = [slot for slot in slots if slot["outcome"] == "FIRED"]
        return bool(fired)

    await until_async(has_fired, 60)
    assert fired[-1]["executionId"] is None
    first = fired[-1]["fleetRun"]
    await follow(service, first["id"])
    await service.data(DISABLE, "operator", id=id)
    run = (await service.data(OF_SLOT, "viewer", id=first["id"]))["fleetRun"]
    assert (run["state"], run["trigger"], run["counts"]) == ("SUCCESS", "SCHEDULE", {"size": 3, "success": 3}), run
    for execution in run["executions"]["nodes"]:
        assert execution["output"]["text"] == "moon\n14\n"
        assert execution["slot"] == first["slot"]
        shown = {each["name"]: (each["value"], each["secret"]) for each in execution["parameters"]}
        assert shown == {"WORD": ("moon", False), "HIDDEN": (None, True)}
