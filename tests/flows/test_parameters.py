"""Parameters over real HTTP and SSH: declared and given by GraphQL and REST, read by the command, masked in output."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from resolvers import servers
from resolvers.inputs import NewCredential, ServerChange
from tests.support.service import Running, running
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = pytest.mark.anyio

HIDDEN = "swordfish-4711"
HOSTILE = "'; sudo reboot; $(sudo reboot) `id` \"\n#"
CREATE = """mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id
  parameters { name type description required default pattern minimum maximum options }
  parameterValues { name value secret } } errors { message field } } }"""
RUN = """mutation($input: RunTaskInput!) { runTask(input: $input) {
  execution { id state message parameters { name value secret } } errors { code message field } } }"""
AUDIT = "{ auditEvents(filter: {kinds: [EXECUTION_STARTED, TASK_CREATED]}) { nodes { kind after } } }"
PARAMETERS: list[dict[str, Any]] = [
    {"name": "TEXT", "description": "To be shown.", "default": "nothing"},
    {"name": "COUNT", "type": "INTEGER", "minimum": 1, "maximum": 9007199254740993, "required": True},
    {"name": "WHERE", "type": "CHOICE", "options": ["here", "there"]},
    {"name": "KEY", "type": "SECRET", "pattern": "[a-z]+-[0-9]+"},
]
COMMAND = 'printf "<%s> %s %s %s <%s>" "$TEXT" "$((COUNT + 1))" "${WHERE-nowhere}" "${#KEY}" "$KEY"'


@pytest.fixture(scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory, openssh: Target) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("parameters"), drive=True) as found:
        credential = NewCredential(private_key=openssh.private_key)
        change = ServerChange(
            port=openssh.port, username=openssh.username, host_keys=[openssh.host_key], credential=credential
        )
        found.server = await servers.update(found.context("admin"), found.server.id, change)
        yield found


async def create(live: Running, **changes: Any) -> dict[str, Any]:
    usual = {"name": "given", "command": COMMAND, "serverId": str(live.server.id), "cronExpr": "@manual"}
    found = (await live.data(CREATE, "operator", input=usual | {"parameters": PARAMETERS} | changes))["createTask"]
    assert found["errors"] == []
    task: dict[str, Any] = found["task"]
    return task


def give(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


async def read_output(live: Running, execution: Any) -> str:
    answer = await live.ask("GET", f"/api/task/{execution}/log?wait=30", "viewer")
    return str(answer.json()["output"])


async def test_a_task_shows_what_it_declares_and_a_run_what_it_was_given(live: Running) -> None:
    task = await create(live, cronExpr="@yearly", parameterValues=give(COUNT="3", KEY=HIDDEN))
    assert task["parameters"] == [
        {"type": "STRING", "required": False, "options": []}
        | dict.fromkeys(("description", "default", "pattern", "minimum", "maximum"))
        | declared
        for declared in PARAMETERS
    ]
    assert task["parameterValues"] == [
        {"name": "COUNT", "value": "3", "secret": False},
        {"name": "KEY", "value": None, "secret": True},
        {"name": "TEXT", "value": "nothing", "secret": False},
    ]
    given = give(TEXT=HOSTILE, COUNT="41", WHERE="there", KEY=HIDDEN)
    found = await live.data(RUN, "operator", input={"taskId": task["id"], "parameters": given, "wait": 30})
    run = found["runTask"]["execution"]
    assert (run["state"], run["message"]) == ("SUCCESS", None)
    assert run["parameters"] == [
        {"name": "COUNT", "value": "41", "secret": False},
        {"name": "KEY", "value": None, "secret": True},
        {"name": "TEXT", "value": HOSTILE, "secret": False},
        {"name": "WHERE", "value": "there", "secret": False},
    ]
    assert await read_output(live, run["id"]) == f"<{HOSTILE}> 42 there 14 <**************>"
    told = (await live.data(AUDIT, "admin"))["auditEvents"]["nodes"]
    started = next(event["after"] for event in told if event["kind"] == "EXECUTION_STARTED")
    recorded = {"COUNT": "41", "KEY": None, "TEXT": HOSTILE, "WHERE": "there"}
    assert (json.loads(started) if isinstance(started, str) else started)["parameters"] == recorded
    assert HIDDEN not in json.dumps(told)
    kept = [path for path in live.settings.data.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if HIDDEN.encode() in path.read_bytes()] == []


async def test_rest_gives_parameters_by_name_and_says_which_one_is_wrong(live: Running) -> None:
    task = await create(live)
    path = f"/api/tasks/{task['id']}/execute"
    answer = await live.ask("POST", path, "operator", json={"parameters": {"COUNT": "1", "KEY": HIDDEN}})
    body = answer.json()
    assert body["data"]["parameters"] == {"TEXT": "nothing", "COUNT": "1", "KEY": None}
    assert await read_output(live, body["execution_id"]) == "<nothing> 2 nowhere 14 <**************>"
    for given, field in (
        ({}, "parameters"),
        ({"COUNT": "none"}, "parameters.0.value"),
        ({"COUNT": "1", "NO": "1"}, "parameters.1.name"),
        ({"COUNT": 1}, "parameters.COUNT"),
        (["COUNT"], "parameters"),
    ):
        answer = await live.ask("POST", path, "operator", json={"parameters": given})
        assert (answer.status_code, answer.json()["field"]) == (400, field), answer.json()
    assert (await live.ask("POST", path, "operator")).json()["field"] == "parameters"
    plain = await create(live, parameters=[], command="echo plain")
    assert (await live.ask("POST", f"/api/tasks/{plain['id']}/execute", "operator")).status_code == 200
