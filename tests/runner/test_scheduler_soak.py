"""The whole service over real SSH, killed and started again: every slot of a task is accounted for."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.faults.service import Mortal, serving
from tests.support.targets import Target

pytestmark = [pytest.mark.anyio, pytest.mark.soak, pytest.mark.timeout(900)]

STEP = timedelta(seconds=5)
UP, DOWN, TOTAL = 70.0, 32.0, 180.0
CHOICES = ("ALL", "LATEST", "SKIP")
CREATE = """mutation($i: CreateTaskInput!) { createTask(input: $i) { task { id nextRun } errors { message } } }"""
DISABLE = """mutation($id: ID!) { setTaskEnabled(input: {id: $id, enabled: false}) { errors { message } } }"""
SLOTS = """query($id: ID!, $after: String) { task(id: $id) { slots(first: 100, after: $after) {
  nodes { slot outcome reason execution { id state slot stdoutBytes } } pageInfo { hasNextPage endCursor } } } }"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A task with one choice, its lines by slot, and when it was first due."""

    choice: str
    first: datetime
    lines: dict[datetime, dict[str, Any]]

    def outcomes(self, since: datetime, until: datetime) -> list[str]:
        return [line["outcome"] for slot, line in sorted(self.lines.items()) if since <= slot < until]


@pytest.fixture
def service(tmp_path: Path, openssh: Target) -> Iterator[Mortal]:
    with serving(tmp_path / "data", openssh) as mortal:
        yield mortal


@pytest.fixture
async def client(service: Mortal) -> AsyncIterator[httpx2.AsyncClient]:
    async with service.client() as opened:
        yield opened


async def asked(client: httpx2.AsyncClient, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    body: dict[str, Any] = answer.json()
    assert "errors" not in body, body
    found: dict[str, Any] = body["data"]
    return found


async def create(service: Mortal, client: httpx2.AsyncClient, choice: str) -> tuple[str, datetime]:
    task = {
        "name": choice,
        "command": "echo slot",
        "serverId": "1",
        "cronExpr": "*/5 * * * * *",
        "terms": {"missed": choice},
    }
    found = (await service.calls(asked, client, CREATE, {"i": task}))["createTask"]
    assert found["errors"] == []
    return found["task"]["id"], datetime.fromisoformat(found["task"]["nextRun"])


async def ledger_of(client: httpx2.AsyncClient, id: str) -> dict[datetime, dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await asked(client, SLOTS, {"id": id, "after": after}))["task"]["slots"]
        lines += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len({line["slot"] for line in lines}) == len(lines)
    return {datetime.fromisoformat(line["slot"]): line for line in lines}


async def test_three_minutes_of_slots_are_accounted_for_across_a_kill_and_a_restart(
    service: Mortal, client: httpx2.AsyncClient
) -> None:
    started = time.monotonic()
    tasks = {choice: await create(service, client, choice) for choice in CHOICES}
    await asyncio.sleep(UP)
    service.kill()
    killed = datetime.now().astimezone()
    await asyncio.sleep(DOWN)
    service.start()
    await asyncio.sleep(max(0.0, TOTAL - (time.monotonic() - started)))
    up_again = killed + timedelta(seconds=DOWN + 15)
    disabled = datetime.now().astimezone()
    for id, _ in tasks.values():
        await service.calls(asked, client, DISABLE, {"id": id})
    await asyncio.sleep(8)
    for choice, (id, first) in tasks.items():
        kept = Kept(choice, first, await ledger_of(client, id))
        check(kept, killed, up_again)
        assert max(kept.lines) > disabled - 2 * STEP, choice


def check(kept: Kept, killed: datetime, up_again: datetime) -> None:
    last = max(kept.lines)
    count = (last - kept.first) // STEP + 1
    assert sorted(kept.lines) == [kept.first + n * STEP for n in range(count)], kept.choice
    for line in kept.lines.values():
        ran = line["outcome"] in ("FIRED", "CAUGHT_UP")
        assert (line["execution"] is not None) is ran, line
        assert not ran or line["execution"]["slot"] == line["slot"]
        assert not ran or line["execution"]["state"] == "SUCCESS", line
        assert ran or line["reason"]
    away = kept.outcomes(killed + STEP, killed + timedelta(seconds=DOWN - 5))
    assert away == [{"ALL": "CAUGHT_UP", "LATEST": "MISSED", "SKIP": "MISSED"}[kept.choice]] * len(away)
    assert len(away) >= 4
    assert set(kept.outcomes(kept.first, killed - STEP)) == {"FIRED"}
    assert set(kept.outcomes(up_again, last + STEP)) == {"FIRED"}
