"""A fleet run on servers some of which are dead: nobody waits for these, and a kill starts nothing twice."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.faults.service import Mortal, NotNow, serving
from tests.support.faults.work import FULL
from tests.support.fleet_ground import (
    Ground,
    add_all,
    expect_successes,
    has_ended,
    is_in_pause,
    running_ground,
    start,
    wait_for,
)
from tests.support.targets import Target

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(3600)]

ALIVE, DEAD = (900, 100) if FULL else (45, 6)
ADD = """mutation ($server: CreateServerInput!) {
  createServer(input: $server) { server { id } errors { code message field } } }"""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with running_ground(tmp_path_factory.mktemp("fleet") / "ground", ALIVE, DEAD) as made:
        yield made


@pytest.fixture
def service(ground: Ground, tmp_path: Path) -> Iterator[Mortal]:
    ground.starts.unlink(missing_ok=True)
    with serving(tmp_path / "data", ground.alive[0]) as mortal:
        yield mortal


async def ask(client: httpx2.AsyncClient, query: str, **variables: Any) -> Any:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    if answer.status_code != 200 or "errors" in answer.json():
        raise NotNow(answer.text)
    return answer.json()["data"]


async def add_server(service: Mortal, client: httpx2.AsyncClient, target: Target) -> str:
    server = {
        "name": target.host,
        "host": target.host,
        "port": target.port,
        "username": target.username,
        "hostKeys": [target.host_key],
        "credential": {"privateKey": target.private_key},
        "tags": ["fleet"],
    }
    payload = (await service.calls(partial(ask, client, ADD, server=server)))["createServer"]
    assert payload["errors"] == []
    return str(payload["server"]["id"])


async def test_nobody_waits_for_the_dead(service: Mortal, ground: Ground) -> None:
    async with service.client() as client:
        asking = partial(ask, client)
        await service.calls(client.get, "/readyz")
        await add_all(ground, partial(add_server, service, client))
        id = await start(asking, ground.write_command(), selector={"tagsAll": ["fleet"]})
        living = await wait_for(asking, id, expect_successes(ALIVE))
        counts = living["counts"]
        tried = counts["pending"] + counts["running"]
        assert (counts["success"], counts["failed"] + tried) == (ALIVE, DEAD)
        # Servers that refuse are given up within seconds; silent ones take longer than a few living ones need.
        assert FULL or (living["state"], tried >= DEAD // 2) == ("RUNNING", True)
        ended = await wait_for(asking, id, has_ended)
    assert (ended["state"], ended["counts"]["success"], ended["counts"]["failed"]) == ("FAILED", ALIVE, DEAD)
    assert ground.count_starts() == {target.host: 1 for target in ground.alive}


async def test_kills_in_a_batch_and_between_two_start_each_server_once(service: Mortal, ground: Ground) -> None:
    async with service.client() as client:

        async def asking(query: str, **variables: Any) -> Any:
            return await service.calls(partial(ask, client, query, **variables))

        await service.calls(client.get, "/readyz")
        await add_all(ground, partial(add_server, service, client))
        batch = {"batchSize": {"percent": 50}, "pauseSeconds": 5, "selector": {"tagsAll": ["fleet"]}}
        id = await start(asking, ground.write_command(seconds=1), **batch)
        for moment in (expect_successes(ALIVE // 4), is_in_pause):
            await wait_for(asking, id, moment)
            service.kill()
            await asyncio.sleep(0.5)
            service.start()
        ended = await wait_for(asking, id, has_ended)
    assert (ended["state"], ended["counts"]["success"], ended["counts"]["failed"]) == ("FAILED", ALIVE, DEAD)
    assert ground.count_starts() == {target.host: 1 for target in ground.alive}
