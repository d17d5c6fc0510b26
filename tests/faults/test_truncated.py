"""kill -9 of the service while a run writes what is left out of its output: the record is the same as without."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.faults.service import Mortal, serving
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

LIMIT, HEAD = 1024 * 1024, 3 * 256 * 1024
START, KILLS, LINES_EACH = 100_000_001, 4, 2_500_000
RUN = """mutation($input: RunCommandInput!) { runCommand(input: $input) { execution { id } errors { message } } }"""
READ = """query($id: ID!) { execution(id: $id) {
  state reason exitCode truncated stdoutBytes outputGap { bytes lines } } }"""


async def ask(client: httpx2.AsyncClient, query: str, variables: dict[str, Any]) -> Any:
    answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    assert "errors" not in answer, answer
    return answer["data"]


async def reach(service: Mortal, client: httpx2.AsyncClient, id: str, state: str, size: int) -> dict[str, Any]:
    """Return the execution once it is in this state and so many bytes are stored."""
    async with asyncio.timeout(180):
        while True:
            found: dict[str, Any] = (await service.calls(ask, client, READ, {"id": id}))["execution"]
            if found["state"] == state and found["stdoutBytes"] >= size:
                return found
            await asyncio.sleep(0.1)


def write_command(folder: Path) -> str:
    """A command that writes 25 MB for each kill, and says how far it has come."""
    parts = [
        f"seq {START + part * LINES_EACH} {START + (part + 1) * LINES_EACH - 1}; : >{folder}/reached{part}; "
        f"while [ ! -e {folder}/go{part} ]; do sleep 0.1; done"
        for part in range(KILLS)
    ]
    return "; ".join(parts) + "; exit 7"


@pytest.mark.timeout(600)
async def test_a_truncated_output_survives_kills_of_the_service_with_its_exact_gap(
    openssh: Target, tmp_path: Path
) -> None:
    with serving(tmp_path / "data", openssh) as service:
        async with service.client() as client:
            wanted = {"serverId": "1", "command": write_command(tmp_path), "outputLimitBytes": LIMIT}
            wanted |= {"onOutputLimit": "TRUNCATE", "idempotencyKey": "one"}
            made = (await service.calls(ask, client, RUN, {"input": wanted}))["runCommand"]
            assert made["errors"] == []
            id = made["execution"]["id"]
            for part in range(KILLS):
                await reach(service, client, id, "RUNNING", HEAD)
                while not (tmp_path / f"reached{part}").exists():  # noqa: ASYNC110 - a file has no event
                    await asyncio.sleep(0.05)
                service.kill()
                service.start()
                (tmp_path / f"go{part}").touch()
            found = await reach(service, client, id, "FAILED", LIMIT)
            log = await service.calls(client.get, f"/api/task/{id}/log?stream=stdout&follow=true")
    whole = 10 * KILLS * LINES_EACH
    lines = [b"%d\n" % number for number in range(START, START + HEAD // 10 + 1)]
    ends = [b"%d\n" % number for number in range(START + KILLS * LINES_EACH - 30_000, START + KILLS * LINES_EACH)]
    expected = b"".join(lines)[:HEAD] + b"".join(ends)[HEAD - LIMIT :]
    left_out = {"bytes": whole - LIMIT, "lines": KILLS * LINES_EACH - expected.count(b"\n")}
    assert found == {
        "state": "FAILED",
        "reason": "EXIT_STATUS",
        "exitCode": 7,
        "truncated": True,
        "stdoutBytes": whole,
        "outputGap": left_out,
    }
    assert log.content == expected
