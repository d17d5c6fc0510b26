"""The demo's run, done as a client would: sign in, `runTask` over GraphQL, follow its output over HTTP."""

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from rich.console import Console

from sshcast.terminal import Sanitiser

FIND = "query($name: String!) { tasks(filter: {nameContains: $name}, first: 1) { edges { node { id command } } } }"
RUN = """mutation($id: ID!) {
  runTask(input: {taskId: $id}) { execution { id state } errors { code message field } }
}"""


class DemoFailed(Exception):
    """A step of the demo run did not do what it should; the message names the step."""


async def run_and_show(url: str, user: str, password: str, task: str, console: Console) -> bool:
    """Run the sample task and show its output live; return whether its exit status was 0."""
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
            await _sign_in(client, user, password)
            execution_id = await _start_run(client, task, console)
            end = await _follow_log(client, execution_id)
    except (httpx2.HTTPError, DemoFailed) as error:
        console.print(f"The demo run failed: {error}", style="red", markup=False)
        return False
    succeeded: bool = end["state"] == "SUCCESS" and end["exit_code"] == 0
    words = f"[{end['state']}] exit status {end['exit_code']}" + (f" ({end['message']})" if end["message"] else "")
    console.print(words, style="green" if succeeded else "red", markup=False)
    return succeeded


async def _sign_in(client: httpx2.AsyncClient, user: str, password: str) -> None:
    answer = await client.post("/api/auth/login", json={"username": user, "password": password})
    if answer.status_code != 200:
        raise DemoFailed(f"sign-in answered {answer.status_code}: {answer.text[:200]}")
    client.headers["Authorization"] = f"Bearer {answer.json()['data']['access_token']}"


async def _start_run(client: httpx2.AsyncClient, task: str, console: Console) -> str:
    found = await _query_graphql(client, FIND, name=task)
    node = found["tasks"]["edges"][0]["node"]
    console.print(f"\n$ {node['command']}", style="bold", markup=False, highlight=False, soft_wrap=True)
    payload = (await _query_graphql(client, RUN, id=node["id"]))["runTask"]
    if payload["errors"]:
        raise DemoFailed(payload["errors"][0]["message"])
    return str(payload["execution"]["id"])


async def _query_graphql(client: httpx2.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    body = answer.json()
    if answer.status_code != 200 or body.get("errors"):
        raise DemoFailed(f"GraphQL answered {answer.status_code}: {body.get('errors')}")
    return dict(body["data"])


async def _follow_log(client: httpx2.AsyncClient, execution_id: str) -> dict[str, Any]:
    """Print the output as it arrives, and return the end event."""
    sanitisers = {name: Sanitiser(colours=sys.stdout.isatty()) for name in ("stdout", "stderr")}
    async for event in _read_events(client, execution_id):
        if event["event"] == "chunk":
            sys.stdout.write(sanitisers[event["stream"]].feed(event["text"]))
            sys.stdout.flush()
        elif event["event"] == "end":
            return event
    raise DemoFailed("the log ended without an end event")


async def _read_events(client: httpx2.AsyncClient, execution_id: str) -> AsyncIterator[dict[str, Any]]:
    headers = {"Accept": "application/x-ndjson"}
    async with client.stream("GET", f"/api/task/{execution_id}/log", headers=headers) as answer:
        async for line in answer.aiter_lines():
            yield json.loads(line)
