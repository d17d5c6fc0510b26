"""Steady load for a long time: what the service holds does not grow."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.faults.service import Mortal, serving
from tests.support.faults.work import FULL, RUN
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = [pytest.mark.anyio, pytest.mark.soak, pytest.mark.timeout(3600)]

SECONDS = 1200 if FULL else 60
RUNS_A_SECOND = 20
WARM_SECONDS = 120 if FULL else 20
AT_ONCE = 40
IDLE_DESCRIPTORS = 30
COMMAND = "echo out; echo err >&2; head -c 3000 /dev/zero"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds at one moment: resident KiB, open descriptors, threads."""

    resident: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Sample":
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return cls(int(status["VmRSS"].split()[0]), descriptors, int(status["Threads"]))


@pytest.fixture
def service(openssh: Target, tmp_path: Path) -> Iterator[Mortal]:
    with serving(tmp_path / "data", openssh) as mortal:
        yield mortal


async def test_memory_descriptors_and_threads_stay_flat(service: Mortal) -> None:
    """What it holds when idle: after a first load, and after a long one."""
    async with service.client() as client:
        await service.calls(client.get, "/readyz")
    assert set(await load(service, WARM_SECONDS)) == {"SUCCESS"}
    before = await settled(service)
    states = await load(service, SECONDS)
    assert set(states) == {"SUCCESS"}
    after = await settled(service)
    print(json.dumps({"runs": len(states), "before": asdict(before), "after": asdict(after)}))
    # An idle connection to the target may be open at one look and closed at the other.
    assert after.descriptors <= before.descriptors + 2
    assert after.threads <= before.threads
    assert after.resident <= before.resident * 1.15


async def load(service: Mortal, seconds: int) -> list[str]:
    """20 runs a second, or as many as the machine can; how each ended."""
    states: list[str] = []
    turns = asyncio.Semaphore(AT_ONCE)
    async with service.client() as client, asyncio.TaskGroup() as group:
        begun = time.monotonic()
        for number in range(seconds * RUNS_A_SECOND):
            await asyncio.sleep(max(0.0, begun + number / RUNS_A_SECOND - time.monotonic()))
            await turns.acquire()
            group.create_task(one(client, states, turns))
    return states


async def one(client: httpx2.AsyncClient, states: list[str], turns: asyncio.Semaphore) -> None:
    wanted = {"serverId": 1, "command": COMMAND, "wait": 60}
    query = RUN.replace("execution { id }", "execution { id state }")
    answer = (await client.post("/graphql", json={"query": query, "variables": {"input": wanted}})).json()
    states.append(answer["data"]["runCommand"]["execution"]["state"])
    turns.release()


async def settled(service: Mortal) -> Sample:
    """Once the connections of the load are closed: theirs of HTTP at once, ours of SSH after a minute without use."""
    assert service.process is not None
    found = Sample.of(service.process.pid)
    for _ in range(8):
        await asyncio.sleep(10)
        last, found = found, Sample.of(service.process.pid)
        if found.descriptors == last.descriptors < IDLE_DESCRIPTORS:
            break
    return found
