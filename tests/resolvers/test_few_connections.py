"""A whole service, its runner at work, on a PostgreSQL role that may have five connections."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from db import executions
from tests.support.limited_role import limited_database
from tests.support.postgres import Postgres
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

CLIENTS = 12
RUNS_EACH = 5
QUERY = """mutation($input: RunCommandInput!) { runCommand(input: $input) {
    execution { id state exitCode } errors { code } } }"""


@pytest.fixture
async def service(postgres: Postgres, tmp_path: Path) -> AsyncIterator[Running]:
    async with limited_database(postgres) as url, running(tmp_path, drive=True, database_url=url) as found:
        yield found


async def test_nobody_is_refused_and_each_command_runs_once(service: Running) -> None:
    async def client(number: int) -> list[dict[str, Any]]:
        wanted = {"serverId": service.server.id, "command": f"echo {number}", "wait": 20}
        return [await service.graphql(QUERY, input=wanted) for _ in range(RUNS_EACH)]

    found = [body for each in await asyncio.gather(*map(client, range(CLIENTS))) for body in each]
    assert [body["errors"] for body in found if "errors" in body] == []
    rows = [body["data"]["runCommand"]["execution"] for body in found]
    assert {(row["state"], row["exitCode"]) for row in rows} == {("SUCCESS", 0)}
    ids = sorted(int(row["id"]) for row in rows)
    assert len(set(ids)) == CLIENTS * RUNS_EACH
    kept = await service.service.store.read(executions.by_ids, range(1, 1000))
    assert sorted(row.id for row in kept) == ids
