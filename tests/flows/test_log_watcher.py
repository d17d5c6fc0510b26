"""A journey: a program that is told of every failure by `events`, and follows the output of one, through cuts.

Its network cuts the streams that it opens; it goes on from the cursor of what it had last, as docs/clients.md says.
"""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.client_runs import create_watched_task
from tests.support.cutting_proxy import cutting_proxy
from tests.support.service import Running, running
from tests.support.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

EVENTS = """subscription($after: String) {
  item: events(after: $after, filter: {kinds: [EXECUTION_CREATED, EXECUTION_STARTED, EXECUTION_ENDED]}) {
  cursor ... on ExecutionEvent { executionId state } } }"""
OUTPUT = """subscription($id: ID!, $after: String) { item: executionOutput(executionId: $id, after: $after) {
  cursor __typename ... on OutputChunk { stream base64 } ... on OutputEnd { state exitCode } } }"""
END = "{ events(last: 1) { pageInfo { endCursor } } }"
RUN_TASK = "mutation($id: ID!) { runTask(input: {taskId: $id}) { execution { id } errors { message } } }"
RUN = """mutation($server: ID!, $command: String!) {
  runCommand(input: {serverId: $server, command: $command}) { execution { id } errors { message } } }"""
FAILED_RUNS = "{ executions(first: 100, filter: {states: [FAILED]}) { nodes { id } } }"


@dataclass(slots=True)
class Follower:
    """Follows one subscription over server-sent events; `cursor` is where it goes on. `opened`: how many streams."""

    client: httpx2.AsyncClient
    document: str
    cursor: str | None
    variables: dict[str, Any] = field(default_factory=dict)
    opened: int = 0

    async def follow(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield every item, until the service says that there are no more."""
        is_complete = False
        while not is_complete:
            self.opened += 1
            with suppress(httpx2.TransportError):  # a cut: what came before it has moved the cursor
                async for kind, data in self._read_stream():
                    if kind == "complete":
                        is_complete = True
                        break
                    item = json.loads(data)["data"]["item"]
                    self.cursor = item["cursor"]
                    yield item

    async def _read_stream(self) -> AsyncIterator[tuple[str, str]]:
        body = {"query": self.document, "variables": self.variables | {"after": self.cursor}}
        headers = {"Accept": "text/event-stream"}
        async with self.client.stream("POST", "/graphql", json=body, headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream"), (await answer.aread())[:500]
            async for event in httpx2.EventSource(answer):
                if event.event in ("next", "complete"):
                    yield event.event, event.data


@dataclass(slots=True)
class Watcher:
    """Notes each failure that it is told of."""

    events: Follower
    failures: list[str] = field(default_factory=list)

    async def watch(self) -> None:
        async with aclosing(self.events.follow()) as items:
            async for item in items:
                if item["state"] == "FAILED":
                    self.failures.append(item["executionId"])


async def copy_output(follower: Follower) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Follow an execution to its end: the bytes of both streams, and the end."""
    copied = {"STDOUT": b"", "STDERR": b""}
    async for item in follower.follow():
        if item["__typename"] == "OutputChunk":
            copied[item["stream"]] += base64.b64decode(item["base64"])
        if item["__typename"] == "OutputEnd":
            return copied, item
    raise AssertionError("the stream had no end")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, drive=True) as found:
        yield found


def client(url: str, service: Running) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {service.token('operator')}"}
    return httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60)


async def request(service: Running, document: str, **variables: Any) -> str:
    (payload,) = (await service.data(document, **variables)).values()
    assert payload["errors"] == []
    return str(payload["execution"]["id"])


async def test_every_failure_is_told_once_and_the_output_of_one_comes_whole_through_cuts(
    service: Running, tmp_path: Path
) -> None:
    (tmp_path / "task").mkdir()
    task = await create_watched_task(service, tmp_path / "task")
    begin = (await service.data(END))["events"]["pageInfo"]["endCursor"]
    async with (
        cutting_proxy(service.url) as cutting,
        cutting_proxy(service.url, cuts=1) as cutting_events,
        client(cutting.url, service) as for_output,
        client(cutting_events.url, service) as for_events,
    ):
        watcher = Watcher(Follower(for_events, EVENTS, begin))
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watcher.watch(), name="watcher")
            followed = await request(service, RUN_TASK, id=task.id)
            commands = [f"exit {status}" for status in (0, 1, 2, 0, 7, 9)]
            others = [await request(service, RUN, server=service.server.id, command=each) for each in commands]
            follower = Follower(for_output, OUTPUT, None, {"id": followed})
            copied, end = await copy_output(follower)
            await until(lambda: len(watcher.failures) >= 5, 60)
            watching.cancel()
    assert (copied["STDOUT"], copied["STDERR"]) == (task.stdout, task.stderr)
    assert (end["state"], end["exitCode"]) == ("FAILED", 3)
    assert (cutting.cuts, cutting_events.cuts) == (3, 1)
    assert follower.opened == 4
    assert watcher.events.opened == 2
    failed = {each["id"] for each in (await service.data(FAILED_RUNS))["executions"]["nodes"]}
    assert failed == {followed, *(others[index] for index in (1, 2, 4, 5))}
    assert sorted(watcher.failures) == sorted(failed)
