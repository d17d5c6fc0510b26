"""Runs with secrets of every kind: afterwards none is anywhere but sealed, and none was on a command line meanwhile."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from runner.output.encodings import list_needles
from tests.support.service import Running, running
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

OWN, TAKEN, PRINTED = "0wn-swordfish/7'é", "taken+herring 42%", "printed-by-the-target-5"
KEY = "-----BEGIN KEY-----\nTm90IGEga2V5LCBidXQgYSBzZWNyZXQ\nYWxsIHRoZSBzYW1lIQ\n-----END KEY-----\n"
PIECES = {piece for secret in (OWN, TAKEN, PRINTED, KEY) for piece in list_needles(secret)}
# Prints them in every form, whole and in two halves with a pause between, and waits until the test has looked.
COMMAND = r"""
for v in "$OWN" "$TAKEN" "$KEY"; do
    printf '%s' "$v" | sha256sum
    printf '%s\n' "$v"; printf '%s' "$v" | base64; printf '{"x": "%s"}' "$v" >&2
done
printf '0wn-sword'; [ -e "$HOME/looked" ] || echo waits > "$HOME/waits"
while [ ! -e "$HOME/looked" ]; do sleep 0.05; done
printf "fish/7'é\n"; cat "$HOME/printed"; env | sort
"""
CREATE_SECRET = """mutation($i: CreateSecretInput!) { createSecret(input: $i) {
  secret { id } errors { message field } } }"""
UPDATE_SECRET = "mutation($i: UpdateSecretInput!) { updateSecret(input: $i) { secret { id } errors { message } } }"
CREATE_TASK = """mutation($i: CreateTaskInput!) { createTask(input: $i) {
  task { id secretEnv { name secret } envNames } errors { message field } } }"""
UPDATE_TASK = "mutation($i: UpdateTaskInput!) { updateTask(input: $i) { task { name } errors { message } } }"
RUN_TASK = "mutation($i: RunTaskInput!) { runTask(input: $i) { execution { id } errors { message } } }"
RUN_COMMAND = "mutation($i: RunCommandInput!) { runCommand(input: $i) { execution { id } errors { message } } }"
WATCH = """subscription($id: ID!) { executionOutput(executionId: $id) {
  ... on OutputChunk { text base64 } ... on OutputEnd { state message } } }"""
EVERYTHING = """{
  tasks { nodes { id name command envNames secretEnv { name secret } executions { nodes {
    id command envNames secretEnv { name secret } message state } } } }
  executions { nodes { id state message reason mode stdoutBytes } } servers { nodes { id name } }
  secrets { totalCount nodes { id name server { id } createdBy { name } createdAt updatedAt } }
  auditEvents(first: 100) { nodes { kind before after } } }"""


def found(where: str, data: bytes) -> list[str]:
    """Every form of every secret in the data, by name of the place; line ends do not hide one."""
    joined = data.translate(None, b"\r\n")
    return [f"{where}: {piece!r}" for piece in PIECES if piece in joined]


def on_command_lines() -> list[str]:
    """On those of all processes of this machine."""
    hits = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            hits += found(str(path), path.read_bytes())
        except OSError:
            continue
    return hits


def in_files(folder: Path) -> list[str]:
    return [hit for path in sorted(folder.rglob("*")) if path.is_file() for hit in found(str(path), path.read_bytes())]


def variables() -> list[dict[str, str]]:
    return [{"name": "OWN", "value": OWN}, {"name": "TAKEN", "secret": "taken"}, {"name": "KEY", "secret": "key"}]


async def asked(api: Running, query: str, field: str, **given: Any) -> Any:
    payload = (await api.data(query, "admin", i=given))[field]
    assert payload["errors"] == []
    return payload


async def ran(api: Running, home: Path, id: str) -> bytes:
    """The output of a run as a watcher gets it; all command lines were looked at while it went on."""
    (home / "looked").unlink(missing_ok=True)
    seen: list[Any] = []
    async with api.socket("admin") as socket:
        watching = asyncio.ensure_future(collected(socket, id, seen))
        await until((home / "waits").exists)
        lines = on_command_lines()
        assert [path for path in (home / ".sshcast").rglob("*") if path.stat().st_mode & 0o077 and path.is_dir()] == []
        (home / "waits").unlink()
        (home / "looked").touch()
        await watching
    assert lines == []
    assert seen[-1]["state"] == "SUCCESS", seen
    return json.dumps(seen, ensure_ascii=False).encode()


async def collected(socket: Any, id: str, seen: list[Any]) -> None:
    async for event in socket.follow(WATCH, id=id):
        seen.append(event["data"]["executionOutput"])


async def set_up(api: Running) -> None:
    """The registered secrets; one of them is nobody's variable, and the target prints it of itself."""
    server = str(api.server.id)
    for name, value in (("taken", TAKEN), ("key", KEY), ("printed", "the value of before")):
        await asked(api, CREATE_SECRET, "createSecret", name=name, value=value, serverId=server)
    await asked(api, UPDATE_SECRET, "updateSecret", id="3", value=PRINTED)


async def refused(api: Running) -> bytes:
    """What is told of inputs that hold secrets and are wrong elsewhere."""
    told = [
        await api.graphql(CREATE_SECRET, "admin", i={"name": "taken", "value": OWN}),
        await api.graphql(CREATE_SECRET, "viewer", i={"name": "x", "value": OWN}),
        await api.graphql(RUN_COMMAND, "admin", i={"serverId": "1", "command": "sudo id", "secretEnv": variables()}),
        await api.graphql(RUN_COMMAND, "admin", i={"serverId": "9", "command": "df", "secretEnv": variables()}),
        await api.graphql(
            CREATE_TASK,
            "admin",
            i={"name": "", "secretEnv": variables(), "serverId": "1"} | {"command": "df", "cronExpr": "@manual"},
        ),
    ]
    return json.dumps(told, ensure_ascii=False).encode()


async def rest(api: Running) -> bytes:
    answers = [await api.ask("GET", path, "admin") for path in ("/api/tasks", *(f"/api/task/{n}/log" for n in (1, 2)))]
    assert [answer.status_code for answer in answers] == [200] * 3
    return b"".join(answer.content for answer in answers)


@pytest.fixture
async def api(tmp_path: Path) -> Any:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "printed").write_text(PRINTED)
    async with running(tmp_path, drive=True) as service:
        yield service


async def test_no_secret_is_anywhere_but_sealed(
    api: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    home, answers = tmp_path / "home", {}
    with capture_logs() as events:
        await set_up(api)
        for number, mode in enumerate(("DURABLE", "ATTACHED"), 1):
            task = {"name": mode, "command": COMMAND, "serverId": "1", "cronExpr": "@manual", "runMode": mode}
            made = await asked(api, CREATE_TASK, "createTask", **task, secretEnv=variables())
            assert [each["secret"] for each in made["task"]["secretEnv"]] == ["key", None, "taken"]
            await asked(api, UPDATE_TASK, "updateTask", id=str(number), name=f"{mode} renamed")
            run = await asked(api, RUN_TASK, "runTask", taskId=str(number))
            answers[mode] = await ran(api, home, run["execution"]["id"])
        run = await asked(api, RUN_COMMAND, "runCommand", serverId="1", command=COMMAND, secretEnv=variables())
        answers["ad hoc"] = await ran(api, home, run["execution"]["id"])
        answers["refusals"] = await refused(api)
    for data in (answers[name] for name in ("DURABLE", "ATTACHED", "ad hoc")):
        for value in (OWN, TAKEN):  # the command had them, and what it printed of them are stars
            assert hashlib.sha256(value.encode()).hexdigest().encode() in data
        assert b"0wn-sword" not in data
        assert data.count(b"*" * len(OWN.encode())) >= 3
    answers["everything"] = json.dumps(await api.data(EVERYTHING, "admin"), ensure_ascii=False).encode()
    answers["rest"] = await rest(api)
    answers["log"] = "".join(map(str, events)).encode() + caplog.text.encode() + "".join(capfd.readouterr()).encode()
    assert [hit for name, data in answers.items() for hit in found(name, data)] == []
    assert in_files(tmp_path / "data") == []
    assert in_files(home / ".sshcast") == []
    assert in_files(tmp_path)[0].startswith(str(home / "printed")), "what is looked for would be found"
