"""What one run costs the database, from the request to its final state, counted at the driver: these only shrink.

Counted are a few runs of each kind, one alone at a time; the cheapest is looked at.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from db import executions, servers, tasks
from db.models import TaskExecution
from db.values import Mode, State
from runner.bus import EXECUTIONS, SCHEDULE, execution_address
from runner.execution import dispatcher, leases
from runner.loop import BackgroundLoop
from runner.output import writer
from tests.support.sampling import choose_count
from tests.support.service import Running, running
from tests.support.statements import Traffic, watched
from tests.support.stores import Database

pytestmark = [pytest.mark.anyio, pytest.mark.sampled()]

RUN = """mutation($server: ID!, $command: String!) {
  runCommand(input: {serverId: $server, command: $command}) { execution { id } errors { message } }
}"""
CREATE = """mutation($server: ID!) {
  createTask(input: {name: "a task", command: "echo hello", serverId: $server, cronExpr: "@yearly"}) { task { id } }
}"""
TRIES = choose_count(3, 5)


@dataclass(frozen=True, slots=True)
class Cost:
    """Statements and write transactions of one run."""

    statements: int
    writes: int

    def exceeds(self, most: "Cost") -> bool:
        return self.statements > most.statements or self.writes > most.writes


@pytest.fixture
async def service(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """The service with a runner that polls nothing, sends no heartbeats, and waits for a short command's end."""
    monkeypatch.setattr(BackgroundLoop, "poll_seconds", 3600.0)
    monkeypatch.setattr(dispatcher, "STRAYS_SECONDS", 3600.0)
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 3600.0)
    monkeypatch.setattr(leases, "LEASE_SECONDS", 7200)
    monkeypatch.setattr(writer, "FIRST_SECONDS", 30.0)
    async with database() as url:
        named: dict[str, Any] = {} if url.startswith("sqlite") else {"database_url": url}
        async with running(tmp_path / "service", drive=True, **named) as found:
            yield found


async def find_final(service: Running, id: int) -> TaskExecution:
    """The row in its final state, as it was published: reading it would count."""
    async with asyncio.timeout(60):
        with service.service.bus.watch(execution_address(id)) as watch:
            row = await service.service.store.read(executions.by_id, id)
            while row is None or not State(row.state).is_final:
                await watch.wait(60)
                watch.clear()
                row = cast("TaskExecution | None", watch.value) or row
    return row


async def measure(once: Callable[[], Awaitable[Any]]) -> tuple[Cost, Traffic]:
    """The cost of the cheapest of a few tries, and what it sent."""
    found = []
    for _ in range(TRIES):
        with watched() as traffic:
            await once()
        found.append((Cost(len(traffic.statements), traffic.count_write_transactions()), traffic))
    assert all(";" not in text.rstrip(";") for _, traffic in found for text in traffic.statements)
    return min(found, key=lambda each: (each[0].writes, each[0].statements))


async def run(service: Running, command: str) -> TaskExecution:
    """One run through GraphQL, to its end."""
    answer = await service.data(RUN, server=str(service.server.id), command=command)
    return await find_final(service, int(answer["runCommand"]["execution"]["id"]))


SHORT = {"sqlite": Cost(9, 4), "postgresql": Cost(11, 4)}
LONG = {"sqlite": Cost(14, 5), "postgresql": Cost(13, 5)}
MEGABYTE = {"sqlite": Cost(40, 20), "postgresql": Cost(40, 20)}
LIMITS = {
    (Mode.DURABLE, "echo hello"): SHORT,
    (Mode.ATTACHED, "echo hello"): SHORT,
    (Mode.DURABLE, "head -c 1000000 /dev/zero"): MEGABYTE,
    (Mode.DURABLE, "sleep 2 && echo hello"): LONG,
}
"""By database; one of the statements is the test's own look at the row."""


async def test_a_run_costs_no_more_than_this(service: Running) -> None:
    found = {}
    for mode, command in LIMITS:
        assert await service.service.store.run(servers.update, service.server.id, {"run_mode": mode})
        await run(service, "true")
        cost, traffic = await measure(partial(run, service, command))
        found[mode, command] = cost
        print(mode, command, cost, *(text[:100] for text in traffic.statements), sep="\n   ")
    dialect = service.service.store.dialect
    over = {kind: cost for kind, cost in found.items() if cost.exceeds(LIMITS[kind][dialect])}
    assert not over, found


async def test_a_fired_slot_and_its_run_cost_no_more_than_this(service: Running) -> None:
    await run(service, "true")
    task = int((await service.data(CREATE, server=str(service.server.id)))["createTask"]["task"]["id"])

    async def fire() -> None:
        bus, store = service.service.bus, service.service.store
        due = service.service.clock() - timedelta(seconds=1)
        assert await store.run(tasks.update, task, {"next_run": due})
        with bus.watch(EXECUTIONS) as watch:
            bus.hint(SCHEDULE)
            await watch.wait(30)
        newest = max(await store.read(executions.by_ids, range(1, 100)), key=lambda row: row.id)
        await find_final(service, newest.id)

    cost, traffic = await measure(fire)
    print(cost, *(text[:100] for text in traffic.statements), sep="\n   ")
    assert not cost.exceeds(Cost(40, 10)), cost
