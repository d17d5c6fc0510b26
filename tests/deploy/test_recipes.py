"""The recipes of deploy/ with the real nginx, HAProxy and Caddy in front of a service."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from db import audit
from tests.support.browser.runs import started
from tests.support.ports import free_port
from tests.support.recipes import NAME, PROXIES, Site, proxied
from tests.support.rest import PASSWORD
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

WATCH = """subscription($id: ID!) {
  executionOutput(executionId: $id) { ... on OutputChunk { text } ... on OutputEnd { state } }
}"""
SILENT_SECONDS = 90
CLIENT = "127.0.0.2"
Watch = Callable[[Site, Running, str], Awaitable[list[str]]]


async def watch_by_socket(site: Site, service: Running, id: str) -> list[str]:
    async with site.socket() as socket:
        await send(socket, type="connection_init", payload=service.as_user("operator"))
        assert (await receive(socket))["type"] == "connection_ack"
        await send(socket, id="1", type="subscribe", payload={"query": WATCH, "variables": {"id": id}})
        found = []
        while (message := await receive(socket))["type"] != "complete":
            found.append(message["payload"]["data"]["executionOutput"])
    return words_of(found)


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def watch_by_events(site: Site, service: Running, id: str) -> list[str]:
    body = {"query": WATCH, "variables": {"id": id}}
    headers = {"Accept": "text/event-stream"} | service.as_user("operator")
    async with site.client() as client, client.stream("POST", "/graphql", json=body, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") async for line in answer.aiter_lines() if line.startswith("data: {")]
    return words_of([json.loads(line)["data"]["executionOutput"] for line in lines])


async def watch_by_log(site: Site, service: Running, id: str) -> list[str]:
    """The REST stream whose format has no room for heartbeats: nothing at all is sent while the run is silent."""
    headers = service.as_user("operator")
    url = f"/api/task/{id}/log?follow=true"
    async with site.client() as client, client.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200
        text = "".join([part async for part in answer.aiter_text()])
    state = (await service.ask("GET", f"/api/executions/{id}", "operator")).json()
    return [*text.split(), str(state["data"]["state"])]


def words_of(events: list[dict[str, Any]]) -> list[str]:
    texts = "".join(event.get("text", "") for event in events).split()
    return [*texts, *(event["state"] for event in events if "state" in event)]


TRANSPORTS: dict[str, Watch] = {
    "graphql-transport-ws": watch_by_socket,
    "server-sent events": watch_by_events,
    "the log over REST": watch_by_log,
}


@pytest.fixture(params=PROXIES)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Running, Site]]:
    """A service that was told what the recipe says, and its site."""
    port = free_port()
    settings: dict[str, Any] = {"public_url": f"https://{NAME}:{port}", "trusted_proxies": ["127.0.0.1"]}
    async with (
        running(tmp_path / "service", drive=True, **settings) as service,
        proxied(request.param, service, tmp_path / request.param, port) as site,
    ):
        yield service, site


async def test_output_comes_through_as_it_is_written_over_each_transport(pair: tuple[Running, Site]) -> None:
    service, site = pair
    id = await started(service, "echo first; sleep 2; echo last")
    began = time.monotonic()
    found = await asyncio.gather(*(watch(site, service, id) for watch in TRANSPORTS.values()))
    assert found == [["first", "last", "SUCCESS"]] * 3
    assert time.monotonic() - began < 30


async def test_the_first_line_is_there_while_the_run_goes_on(pair: tuple[Running, Site]) -> None:
    """Nothing on the way collects output before it passes it on."""
    service, site = pair
    id = await started(service, "echo first; sleep 60")
    url = f"/api/task/{id}/log?follow=true"
    async with site.client() as client:
        async with asyncio.timeout(20), client.stream("GET", url, headers=service.as_user("operator")) as answer:
            assert await anext(answer.aiter_text()) == "first\n"
        await client.post(f"/api/executions/{id}/cancel", headers=service.as_user("operator"))


async def test_the_service_knows_the_client_behind_the_proxy_and_nobody_can_forge_it(
    pair: tuple[Running, Site],
) -> None:
    service, site = pair
    login = {"username": "the.viewer", "password": PASSWORD, "keep": "cookie"}
    async with site.client(CLIENT) as client:
        answer = await client.post("/api/auth/login", json=login, headers={"X-Forwarded-For": "203.0.113.7"})
        assert answer.status_code == 200, answer.text
    assert answer.headers["strict-transport-security"]
    assert "; Secure" in answer.headers["set-cookie"]
    assert "__Secure-sshcast_refresh" in answer.headers["set-cookie"]
    events = await service.service.store.read(audit.list_after, 0, 1000)
    assert events[-1].address == CLIENT


async def test_a_body_that_is_too_large_is_refused_by_the_proxy_before_it_has_come(pair: tuple[Running, Site]) -> None:
    _, site = pair
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, ssl=site.trusting(), server_hostname=NAME)
    head = f"POST /graphql HTTP/1.1\r\nHost: {NAME}:{site.port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 5000000\r\n\r\n".encode())
    async with asyncio.timeout(20):
        assert b" 413 " in await reader.readline()
    writer.close()


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_run_that_is_silent_for_90_seconds_is_watched_to_its_end_through_each(tmp_path: Path) -> None:
    """All at once, so that it takes no longer than one."""
    port = free_port()
    settings: dict[str, Any] = {"public_url": f"https://{NAME}:{port}", "trusted_proxies": ["127.0.0.1"]}
    hosts = [f"{NAME}:{port}"]
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            running(tmp_path / "service", drive=True, allowed_hosts=hosts, **settings)
        )
        sites = {
            proxy: await stack.enter_async_context(proxied(proxy, service, tmp_path / proxy, free_port()))
            for proxy in PROXIES
        }
        id = await started(service, f"echo first; sleep {SILENT_SECONDS}; echo last")
        began = time.monotonic()
        found = await asyncio.gather(
            *(watch(site, service, id) for site in sites.values() for watch in TRANSPORTS.values()),
            return_exceptions=True,
        )
        assert time.monotonic() - began > SILENT_SECONDS - 5
    pairs = [(proxy, transport) for proxy in PROXIES for transport in TRANSPORTS]
    assert dict(zip(pairs, found, strict=True)) == {pair: ["first", "last", "SUCCESS"] for pair in pairs}
