"""The whole story over real HTTP and SSH: register, create, run, watch, lose the connection, resume, read again."""

import base64
import hashlib
import json
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.commands import Commands
from tests.support.targets import Target, demo_target, openssh, target
from tests.support.watching import Watched, watch

__all__ = ["demo_target", "openssh", "target"]

pytestmark = pytest.mark.anyio

EVERY_BYTE = bytes(range(256))
LONG_LINE = b"".join(b"%07d " % n for n in range(1_310_720))  # 10 MiB without a line end
MULTI_BYTE = "界é😀".encode()
OUT = EVERY_BYTE * 40 + MULTI_BYTE * 200 + LONG_LINE + b"no line end at last"
ERR = EVERY_BYTE[::-1] * 100 + MULTI_BYTE
RUN = """mutation($input: RunTaskInput!) {
  runTask(input: $input) { execution { id state } errors { code message field } }
}"""
CREATE_SERVER = """mutation($input: CreateServerInput!) {
  createServer(input: $input) { server { id name } errors { code message field } }
}"""
CREATE_TASK = """mutation($input: CreateTaskInput!) {
  createTask(input: $input) { task { id name } errors { code message field } }
}"""


class Client:
    """A GraphQL and REST client that is signed in."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False, verify=False)

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = (await self.http.post("/graphql", json={"query": query, "variables": variables})).json()
        assert not answer.get("errors"), answer
        return dict(answer["data"])

    async def made(self, query: str, mutation: str, kind: str, **given: Any) -> int:
        """The id of what a mutation made."""
        payload = (await self.ask(query, input=given))[mutation]
        assert payload["errors"] == []
        return int(payload[kind]["id"])


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    found = Commands(tmp_path_factory.mktemp("story") / "data")
    found.output("user", "add", "olga", "--role", "admin", "--password-stdin", stdin="correct horse battery\n")
    return found


@pytest.fixture(scope="module")
def url(commands: Commands) -> Iterator[str]:
    with commands.serving() as found:
        yield found


@pytest.fixture(scope="module")
def token(commands: Commands) -> str:
    return commands.output("token", "olga")


@pytest.fixture
async def client(url: str, token: str) -> AsyncIterator[Client]:
    found = Client(url, token)
    yield found
    await found.http.aclose()


@pytest.fixture
def payload(tmp_path: Path) -> str:
    """A command that writes OUT and ERR in unequal pieces, some of which cut a character in two."""
    (tmp_path / "out").write_bytes(OUT)
    (tmp_path / "err").write_bytes(ERR)
    cut = 256 * 40 + 4
    return (
        f"cd {tmp_path}; head -c {cut} out; head -c 100 err >&2; sleep 0.3; tail -c +{cut + 1} out | head -c 3000000;"
        f" sleep 0.3; tail -c +101 err >&2; tail -c +{cut + 3000001} out; exit 3"
    )


def sha(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()


async def started(client: Client, target: Target, command: str) -> int:
    """A server is registered, a task is made for it, and run: the execution's id."""
    server_id = await client.made(
        CREATE_SERVER,
        "createServer",
        "server",
        name=f"{target.name} {secrets.token_hex(4)}",
        host=target.host,
        port=target.port,
        username=target.username,
        hostKeys=[target.host_key],
        credential={"privateKey": target.private_key},
    )
    limit = 64 * 1024 * 1024
    task = {
        "name": "story",
        "command": command,
        "serverId": server_id,
        "cronExpr": "@manual",
        "outputLimitBytes": limit,
    }
    task_id = await client.made(CREATE_TASK, "createTask", "task", **task)
    return await client.made(RUN, "runTask", "execution", taskId=task_id)


async def test_a_watcher_who_is_cut_off_and_resumes_gets_every_byte_once(
    client: Client, target: Target, payload: str
) -> None:
    execution_id = await started(client, target, payload)
    seen = Watched()
    for until in (50, 12_000, 1_000_000, 5_000_000):
        await watch(client.url, client.token, execution_id, seen, until=until)
        assert seen.end is None
    await watch(client.url, client.token, execution_id, seen)
    assert (len(seen.stdout), len(seen.stderr)) == (len(OUT), len(ERR))
    assert (sha(seen.stdout), sha(seen.stderr)) == (sha(OUT), sha(ERR))
    assert seen.end is not None
    assert (seen.end["state"], seen.end["exitCode"], seen.end["truncated"]) == ("FAILED", 3, False)
    again = Watched()
    await watch(client.url, client.token, execution_id, again)
    assert (sha(again.stdout), sha(again.stderr)) == (sha(OUT), sha(ERR))
    assert "".join(again.texts["STDERR"]) == ERR.decode(errors="replace")
    await same_over_rest(client, execution_id)


async def same_over_rest(client: Client, execution_id: int) -> None:
    """The plain log and the followed one have the same bytes."""
    path = f"/api/task/{execution_id}/log"
    plain = (await client.http.get(path, params={"encoding": "base64"})).json()
    assert sha(base64.b64decode(plain["output_base64"])) == sha(OUT)
    assert sha(base64.b64decode(plain["error_base64"])) == sha(ERR)
    assert plain["output"] == OUT.decode(errors="replace")
    for stream, expected in (("stdout", OUT), ("stderr", ERR)):
        followed = await client.http.get(path, params={"follow": "true", "stream": stream})
        assert sha(followed.content) == sha(expected)


async def test_a_followed_log_is_live_and_ends_with_the_run(client: Client, target: Target) -> None:
    execution_id = await started(client, target, "echo one; sleep 1; echo two")
    got: list[bytes] = []
    async with client.http.stream("GET", f"/api/task/{execution_id}/log?follow=true") as answer:
        async for part in answer.aiter_raw():
            got.append(part)
            state = (await client.http.get(f"/api/task/{execution_id}/log")).json()["state"]
            if len(got) == 1:
                assert state == "RUNNING"
    assert b"".join(got) == b"one\ntwo\n"


async def test_the_documented_curl_calls_work_as_written(client: Client, openssh: Target) -> None:
    await started(client, openssh, "true")
    where = ["-s", "-H", f"Authorization: Bearer {client.token}"]
    body = '{\n    "name": "磁盘检查",\n    "command": "df -h",\n    "server_id": 1,\n    "cron_expr": "@once"\n  }'
    create = ["-X", "POST", f"{client.url}/api/tasks", "-H", "Content-Type: application/json", "-d", body]
    made = curl(*where, *create)
    assert made["code"] == 200
    listed = curl(*where, "-X", "GET", f"{client.url}/api/tasks?page=1&page_size=10")
    assert listed["page_size"] == 10
    seen = Watched()
    await watch(client.url, client.token, made["execution_id"], seen)
    log = curl(*where, "-X", "GET", f"{client.url}/api/task/{made['execution_id']}/log")
    assert log["status"] == 1
    assert "Filesystem" in log["output"]


def curl(*args: str) -> dict[str, Any]:
    return dict(json.loads(subprocess.run(["curl", *args], capture_output=True, check=True).stdout))
