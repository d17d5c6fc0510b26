"""Behind a real nginx that gives up an answer which is silent for a second: what docs/proxies.md says of each form."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
import pytest
import uvicorn
from websockets.asyncio.client import connect

from sshcast.graphql import streams
from sshcast.rest import route_table
from tests.support.nginx import find_nginx
from tests.support.proxies import run_nginx
from tests.support.rest import Run
from tests.support.service import PROTOCOL, Running, Socket, running

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

SILENCE_SECONDS = 1
HEARTBEAT_SECONDS = 0.3
# Heartbeats of a silence that lasts for twice as long as nginx waits.
ENOUGH = round(2 * SILENCE_SECONDS / HEARTBEAT_SECONDS)
WATCH = "subscription($id: ID!) { executionOutput(executionId: $id) { __typename ... on OutputChunk { text } } }"
SSE, NDJSON = "text/event-stream", "application/x-ndjson"
MULTIPART = "multipart/mixed;subscriptionSpec=1.0"


@dataclass(slots=True)
class Proxied:
    api: Running
    url: str
    http: httpx2.AsyncClient

    def stream(self, method: str, path: str, accept: str = "*/*", **given: Any) -> Any:
        headers = self.api.as_user("viewer") | {"Accept": accept}
        return self.http.stream(method, path, headers=headers, **given)


@pytest.fixture(scope="module")
async def proxied(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxied]:
    """The whole service with quick heartbeats."""
    find_nginx()
    folder = tmp_path_factory.mktemp("proxied")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "HEARTBEAT_SECONDS", HEARTBEAT_SECONDS)
        patch.setattr(route_table, "ROUTES", route_table.build_rest_routes(HEARTBEAT_SECONDS))
        quick = partial(uvicorn.Config, ws_ping_interval=HEARTBEAT_SECONDS)
        patch.setattr(uvicorn, "Config", quick)
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(running(folder))
            url = await stack.enter_async_context(run_nginx(api.url, folder / "nginx", SILENCE_SECONDS))
            http = httpx2.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=False)
            yield Proxied(api, url, await stack.enter_async_context(http))


async def silence(coming: AsyncIterator[bytes], run: Run, heartbeat: bytes) -> bytes:
    """Let the run be silent for so many heartbeats, then write and end; what came altogether."""
    got = b""
    async for part in coming:
        if got.count(heartbeat) < ENOUGH <= (got + part).count(heartbeat):
            await run.write(b"after it")
            await run.end()
        got += part
    return got


@pytest.mark.parametrize(
    ("accept", "heartbeat", "end"),
    [(SSE, b": heartbeat\n", b"event: end\n"), (NDJSON, b'{"event":"heartbeat"}\n', b'{"event":"end"')],
)
async def test_events_of_rest_outlast_the_silence(proxied: Proxied, accept: str, heartbeat: bytes, end: bytes) -> None:
    run = await proxied.api.run()
    async with proxied.stream("GET", run.path, accept) as answer:
        got = await silence(answer.aiter_raw(), run, heartbeat)
    assert got.count(b"after it") == 1
    assert end in got


async def test_one_stream_outlasts_the_silence_in_which_the_other_goes_on(proxied: Proxied) -> None:
    run, got = await proxied.api.run(), b""

    async def chatter() -> None:
        while True:
            await run.write(b"noise")

    async with proxied.stream("GET", run.path, NDJSON, params={"stream": "stderr"}) as answer:
        talking = asyncio.create_task(chatter())
        async for part in answer.aiter_raw():
            got += part
            if got.count(b"heartbeat") == ENOUGH:
                break
        talking.cancel()
        await asyncio.wait([talking])
    assert b'"chunk"' not in got
    await run.end()


@pytest.mark.parametrize(
    ("accept", "heartbeat", "end"),
    [(SSE, b":\n\n", b"event: complete\n"), (MULTIPART, b"\r\n\r\n{}\r\n", b"--graphql--\r\n")],
    ids=["events", "multipart"],
)
async def test_subscriptions_over_http_outlast_the_silence(
    proxied: Proxied, accept: str, heartbeat: bytes, end: bytes
) -> None:
    run = await proxied.api.run()
    body = {"query": WATCH, "variables": {"id": run.id}}
    async with proxied.stream("POST", "/graphql", accept, json=body) as answer:
        got = await silence(answer.aiter_raw(), run, heartbeat)
    assert got.count(b'"text":"after it"') == 1
    assert end in got


async def test_a_websocket_outlasts_the_silence(proxied: Proxied) -> None:
    """The service's pings, which the client's library answers, keep it."""
    run, other = await proxied.api.run(), await proxied.api.run()
    url = proxied.url.replace("http", "ws") + "/graphql"
    async with connect(url, subprotocols=[PROTOCOL], proxy=None, ping_interval=None) as connection:
        socket = Socket(connection)
        await socket.begin(dict(proxied.api.as_user("viewer")))
        told = socket.follow(WATCH, id=run.id)
        await anext(told)
        # Meanwhile a log is silent for as long as the others are.
        async with proxied.stream("GET", other.path, NDJSON) as answer:
            await silence(answer.aiter_raw(), other, b"heartbeat")
        await run.write(b"after it")
        await run.end()
        texts = [payload["data"]["executionOutput"].get("text") async for payload in told]
    assert texts == ["after it", None, None]


async def test_raw_bytes_begin_at_once_are_cut_for_all_to_see_and_resume_where_they_were(proxied: Proxied) -> None:
    run, got, cuts = await proxied.api.run(), b"", 0
    parts = ["盘".encode()[:2], "盘".encode()[2:], b"", b"the end"]
    whole, parts_left = b"".join(parts), iter(parts)
    while True:
        try:
            async with proxied.stream("GET", run.path, params={"follow": "true", "cursor": f"o{len(got)}"}) as answer:
                assert answer.status_code == 200  # before there is anything to send
                if (part := next(parts_left, None)) is None:
                    await run.end()
                elif part:
                    await run.write(part)
                async for data in answer.aiter_raw():
                    got += data
            break
        except httpx2.RemoteProtocolError:
            cuts += 1
    assert (got, cuts) == (whole, len(parts))


async def test_a_long_poll_shorter_than_the_proxys_patience_is_answered(proxied: Proxied) -> None:
    run = await proxied.api.run()
    answer = await proxied.http.get(run.path, params={"wait": 5}, headers=proxied.api.as_user("viewer"))
    assert answer.status_code == 504
    await run.write(b"a")
    answer = await proxied.http.get(run.path, params={"wait": 5}, headers=proxied.api.as_user("viewer"))
    assert json.loads(answer.content)["output"] == "a"
    await run.end()
