"""What mutations do, beside what they refuse."""

from typing import Any

import pytest

from tests.support.listed_rows import add_executions, add_tasks
from tests.support.rest import PASSWORD
from tests.support.service import Running

pytestmark = pytest.mark.anyio

LOGIN = """mutation($name: String!, $password: String!) { login(input: {username: $name, password: $password}) {
  tokens { accessToken refreshToken expiresInSeconds user { name role } }
  errors { __typename code message field } } }"""
REFRESH = """mutation($token: String!) { refresh(input: {refreshToken: $token}) {
  tokens { accessToken refreshToken user { name } } errors { __typename code message field } } }"""
CREATE_TASK = """mutation($input: CreateTaskInput!) { createTask(input: $input) {
  task { id name command serverId cronExpr timezone enabled timeoutSeconds outputLimitBytes envNames workingDir runMode
    onOutputLimit mergeStreams
    nextRun lastRun createdBy { name } }
  execution { id trigger state task { name } } errors { code message field } } }"""
UPDATE_TASK = """mutation($input: UpdateTaskInput!) { updateTask(input: $input) {
  task { name command enabled timeoutSeconds outputLimitBytes envNames workingDir cronExpr nextRun }
  errors { code message field } } }"""
RUN_TASK = """mutation($input: RunTaskInput!) { runTask(input: $input) {
  execution { id state command trigger createdBy { name } } errors { code message field } } }"""
SET_ENABLED = """mutation($id: ID!, $on: Boolean!) { setTaskEnabled(input: {id: $id, enabled: $on}) {
  task { enabled nextRun } errors { message } } }"""

SERVER = """mutation($i: {1}ServerInput!) {{ {0}Server(input: $i) {{
  server {{ id name host port username hostKeys credentialKind tags maxParallel runMode enabled createdBy {{ name }} }}
  errors {{ code }} }} }}"""


async def done(api: Running, query: str, field: str, role: str | None = "operator", **variables: Any) -> dict[str, Any]:
    """The payload of a mutation that worked."""
    payload: dict[str, Any] = (await api.data(query, role, **variables))[field]
    assert payload["errors"] == []
    return payload


def new_task(api: Running, **changes: Any) -> dict[str, Any]:
    return {"name": "a task", "command": "df -h", "serverId": str(api.server.id), "cronExpr": "@manual"} | changes


async def test_signing_in_gives_tokens_that_work_and_refreshing_gives_new_ones(api: Running) -> None:
    found = await done(api, LOGIN, "login", None, name="the.viewer", password=PASSWORD)
    tokens = found["tokens"]
    assert tokens["user"] == {"name": "the.viewer", "role": "VIEWER"}
    assert tokens["expiresInSeconds"] == 3600
    bearer = {"Authorization": f"Bearer {tokens['accessToken']}"}
    answer = await api.post({"query": "{ me { name } }"}, None, **bearer)
    assert answer.json()["data"] == {"me": {"name": "the.viewer"}}
    again = (await done(api, REFRESH, "refresh", None, token=tokens["refreshToken"]))["tokens"]
    assert again["user"] == {"name": "the.viewer"}


@pytest.mark.parametrize(
    ("name", "password"), [("the.viewer", "wrong"), ("nobody", PASSWORD), ("", ""), ("a\0b", "x"), ("the.viewer", "\0")]
)
async def test_a_wrong_name_and_a_wrong_password_are_told_alike(fresh: Running, name: str, password: str) -> None:
    payload = (await fresh.data(LOGIN, None, name=name, password=password))["login"]
    assert payload["tokens"] is None
    (error,) = payload["errors"]
    assert error == {
        "__typename": "SignInRefused",
        "code": "UNAUTHENTICATED",
        "message": "The user name or the password is wrong.",
        "field": None,
    }


async def test_guessing_is_slowed_with_a_time_to_wait(fresh: Running) -> None:
    for _ in range(5):
        await fresh.data(LOGIN, None, name="the.viewer", password="wrong")
    body = await fresh.graphql(LOGIN, None, name="the.viewer", password=PASSWORD)
    (error,) = body["errors"]
    assert body["data"] == {"login": None}
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["extensions"]["retryAfterSeconds"] >= 1


async def test_an_access_token_does_not_refresh_and_a_refresh_token_does_not_sign(api: Running) -> None:
    payload = (await api.data(REFRESH, None, token=api.token("viewer")))["refresh"]
    assert payload["errors"][0]["code"] == "UNAUTHENTICATED"
    refresh = api.service.tokens.refresh(api.users["viewer"])
    answer = await api.post({"query": "{ me { name } }"}, None, Authorization=f"Bearer {refresh}")
    assert answer.status_code == 401


async def test_signing_out_ends_the_session_and_no_other(fresh: Running) -> None:
    login = {"name": "the.viewer", "password": PASSWORD}
    own, other = [(await fresh.data(LOGIN, None, **login))["login"]["tokens"] for _ in range(2)]
    signed = {"Authorization": f"Bearer {own['accessToken']}"}
    query = {"query": "mutation { logout { user { name } errors { code } } }"}
    answer = (await fresh.post(query, None, **signed)).json()
    assert answer["data"]["logout"] == {"user": {"name": "the.viewer"}, "errors": []}
    assert (await fresh.post({"query": "{ me { name } }"}, None, **signed)).status_code == 401
    payload = (await fresh.data(REFRESH, None, token=own["refreshToken"]))["refresh"]
    assert payload["errors"][0]["code"] == "UNAUTHENTICATED"
    assert (await fresh.data(REFRESH, None, token=other["refreshToken"]))["refresh"]["errors"] == []


async def test_a_task_is_created_with_everything_that_was_asked_for(api: Running) -> None:
    wanted = new_task(
        api,
        name="nightly",
        cronExpr="0 3 * * *",
        timezone="Asia/Shanghai",
        timeoutSeconds=60,
        outputLimitBytes=5_000_000,
        env=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
        workingDir="/tmp",
        runMode="ATTACHED",
        onOutputLimit="TRUNCATE",
        mergeStreams=True,
    )
    task = (await done(api, CREATE_TASK, "createTask", input=wanted))["task"]
    next_run = task.pop("nextRun")
    assert next_run.endswith("T19:00:00Z")
    assert task.pop("id").isdigit()
    assert task == {
        "name": "nightly",
        "command": "df -h",
        "serverId": str(api.server.id),
        "cronExpr": "0 3 * * *",
        "timezone": "Asia/Shanghai",
        "enabled": True,
        "timeoutSeconds": 60,
        "outputLimitBytes": 5_000_000,
        "envNames": ["A", "B"],
        "workingDir": "/tmp",
        "runMode": "ATTACHED",
        "onOutputLimit": "TRUNCATE",
        "mergeStreams": True,
        "lastRun": None,
        "createdBy": {"name": "the.operator"},
    }


async def test_once_starts_a_run_with_the_task(api: Running) -> None:
    found = await done(api, CREATE_TASK, "createTask", input=new_task(api, name="now", cronExpr="@once"))
    execution = found["execution"]
    assert execution.pop("id").isdigit()
    assert execution == {"trigger": "MANUAL", "state": "PENDING", "task": {"name": "now"}}
    assert (await done(api, CREATE_TASK, "createTask", input=new_task(api)))["execution"] is None


async def test_an_update_changes_what_is_named_and_null_is_not_the_same_as_absent(api: Running) -> None:
    wanted = new_task(api, timeoutSeconds=60, outputLimitBytes=1000, workingDir="/tmp", cronExpr="0 3 * * *")
    id = (await done(api, CREATE_TASK, "createTask", input=wanted))["task"]["id"]
    changed = (await done(api, UPDATE_TASK, "updateTask", input={"id": id, "name": "other"}))["task"]
    kept = (changed["name"], changed["timeoutSeconds"], changed["outputLimitBytes"], changed["workingDir"])
    assert kept == ("other", 60, 1000, "/tmp")
    nulls = {"id": id, "timeoutSeconds": None, "outputLimitBytes": None, "workingDir": None}
    changed = (await done(api, UPDATE_TASK, "updateTask", input=nulls))["task"]
    limits = api.service.limits
    reset = (changed["timeoutSeconds"], changed["outputLimitBytes"], changed["workingDir"])
    assert reset == (limits.default_timeout_seconds, limits.default_output_limit, None)
    env = {"id": id, "env": [{"name": "A", "value": "1"}], "command": "uptime", "cronExpr": "@manual"}
    changed = (await done(api, UPDATE_TASK, "updateTask", input=env))["task"]
    assert (changed["envNames"], changed["command"], changed["nextRun"]) == (["A"], "uptime", None)


async def test_a_task_is_switched_off_and_on(api: Running) -> None:
    wanted = new_task(api, cronExpr="0 3 * * *")
    id = (await done(api, CREATE_TASK, "createTask", input=wanted))["task"]["id"]
    assert (await done(api, SET_ENABLED, "setTaskEnabled", id=id, on=False))["task"] == {
        "enabled": False,
        "nextRun": None,
    }
    on = (await done(api, SET_ENABLED, "setTaskEnabled", id=id, on=True))["task"]
    assert on["enabled"]
    assert on["nextRun"] is not None


async def test_a_repeat_with_the_same_key_finds_the_same_run(api: Running) -> None:
    (task,) = await add_tasks(api, 1)
    wanted = {"taskId": task, "idempotencyKey": "key 1"}
    first = (await done(api, RUN_TASK, "runTask", input=wanted))["execution"]
    assert first["trigger"] == "MANUAL"
    assert first["createdBy"] == {"name": "the.operator"}
    assert (await done(api, RUN_TASK, "runTask", input=wanted))["execution"]["id"] == first["id"]
    assert (await done(api, RUN_TASK, "runTask", input={"taskId": task}))["execution"]["id"] != first["id"]
    query = """mutation($s: ID!) { runCommand(input: {serverId: $s, command: "w", idempotencyKey: "key 1"}) {
      errors { __typename code field } } }"""
    payload = (await api.data(query, s=str(api.server.id)))["runCommand"]
    assert payload["errors"] == [{"__typename": "ObjectConflict", "code": "CONFLICT", "field": ["idempotencyKey"]}]


async def test_a_pending_run_is_cancelled_at_once_and_an_ended_one_cannot_be(api: Running) -> None:
    (task,) = await add_tasks(api, 1)
    run = (await done(api, RUN_TASK, "runTask", input={"taskId": task}))["execution"]
    query = """mutation($id: ID!) { cancelExecution(input: {id: $id}) {
      execution { state reason cancelRequestedAt verifiedGone } errors { __typename code field } } }"""
    found = (await done(api, query, "cancelExecution", id=run["id"]))["execution"]
    assert found.pop("cancelRequestedAt") is not None
    assert found == {"state": "CANCELLED", "reason": "CANCELLED", "verifiedGone": None}
    payload = (await api.data(query, id=run["id"]))["cancelExecution"]
    assert payload["errors"] == [{"__typename": "ObjectConflict", "code": "CONFLICT", "field": ["id"]}]


async def test_a_server_is_registered_changed_and_deleted_and_its_credential_never_shown(fresh: Running) -> None:
    create, update = SERVER.format("create", "Create"), SERVER.format("update", "Update")
    delete = SERVER.format("delete", "Delete")
    wanted: dict[str, Any] = {
        "name": "web 1",
        "host": "web1.example",
        "username": "deploy",
        "hostKeys": fresh.server.host_keys,
        "credential": {"password": "hunter22"},
    }
    server = (await done(fresh, create, "createServer", "admin", i=wanted))["server"]
    id = server.pop("id")
    expected = {"name": "web 1", "host": "web1.example", "port": 22, "username": "deploy", "tags": [], "enabled": True}
    expected |= {"hostKeys": fresh.server.host_keys, "credentialKind": "PASSWORD", "maxParallel": 10}
    expected |= {"runMode": "DURABLE", "createdBy": {"name": "the.admin"}}
    assert server == expected
    change = {"id": id, "port": 2222, "tags": ["web"], "runMode": "ATTACHED", "credential": {"password": "other"}}
    changed = (await done(fresh, update, "updateServer", "admin", i=change))["server"]
    assert changed == expected | {"id": id, "port": 2222, "tags": ["web"], "runMode": "ATTACHED"}
    (run,) = await add_executions(fresh, 1, server_id=int(id))
    await done(fresh, delete, "deleteServer", "admin", i={"id": id})
    assert (await fresh.data("query($id: ID!) { server(id: $id) { id } }", id=id))["server"] is None
    history = await fresh.data("query($id: ID!) { execution(id: $id) { server { name deletedAt } } }", id=run)
    assert history["execution"]["server"]["name"] == "web 1"


async def test_a_task_whose_server_is_disabled_or_gone_does_not_run_and_the_task_is_named(fresh: Running) -> None:
    (task,) = await add_tasks(fresh, 1)
    query = "mutation($id: ID!) { runTask(input: {taskId: $id}) { errors { code message field } } }"
    disable = "mutation($id: ID!) { updateServer(input: {id: $id, enabled: false}) { errors { code } } }"
    await done(fresh, disable, "updateServer", "admin", id=str(fresh.server.id))
    (error,) = (await fresh.data(query, id=task))["runTask"]["errors"]
    assert error["message"] == "Server a server is disabled: an admin can enable it."
    assert (error["code"], error["field"]) == ("CONFLICT", ["taskId"])
    delete = "mutation($id: ID!) { deleteServer(input: {id: $id}) { errors { code } } }"
    await done(fresh, delete, "deleteServer", "admin", id=str(fresh.server.id))
    (error,) = (await fresh.data(query, id=task))["runTask"]["errors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["taskId"])
