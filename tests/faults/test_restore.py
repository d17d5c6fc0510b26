"""A backup in the middle of work, and a restore of it: no record is untrue, and nothing runs twice."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.commands import Commands
from tests.support.faults.service import Mortal, serving
from tests.support.faults.work import RUN, told
from tests.support.ports import free_port
from tests.support.postgres import Postgres, postgres, program
from tests.support.run_marks import count_runs, mark_run
from tests.support.targets import Target, openssh
from tests.support.waiting import until as wait_until

__all__ = ["openssh", "postgres"]

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(600)]

BEFORE, AFTER = 20, 10
EXECUTIONS = "query { executions(first: 100) { nodes { id state reason message exitCode command } } }"
TASK = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { message } } }"
LEDGER = "query { scheduleLedger(first: 100) { nodes { slot outcome reason execution { id state } } } }"


@dataclass(frozen=True, slots=True)
class Ground:
    """The real service, and how a second one comes from its backup."""

    service: Mortal
    folder: Path
    server: Postgres | None

    def back_up(self) -> Path:
        path = self.folder / "backup"
        if self.server is None:
            self.service.commands.output("backup", str(path))
        else:
            url = self.service.commands.variables["SSHCAST_DATABASE_URL"]
            dump = [program("pg_dump"), "--format=custom", f"--file={path}", url]
            subprocess.run(dump, check=True, timeout=60)
        return path

    async def restore(self, archive: Path) -> Commands:
        """A data folder and a database of its own, settled."""
        data = self.folder / "restored"
        if self.server is None:
            made = Commands(data, self.service.commands.variables)
            made.output("restore", str(archive), "--data", str(data))
            return made
        await self.server.execute("CREATE DATABASE restored TEMPLATE template0")
        url = self.server.url("restored")
        fill = [program("pg_restore"), "--no-owner", f"--dbname={url}", str(archive)]
        await asyncio.to_thread(subprocess.run, fill, check=True, timeout=60)
        data.mkdir(mode=0o700)
        key = data / "secret.key"
        key.write_bytes((self.service.commands.data / "secret.key").read_bytes())
        key.chmod(0o600)
        made = Commands(data, self.service.commands.variables | {"SSHCAST_DATABASE_URL": url})
        await asyncio.sleep(11)  # until the leases that came with the dump have ended
        made.output("restore", "--settle-database")
        return made


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Postgres | None:
    """None: the database is SQLite."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
async def variables(database: Postgres | None) -> AsyncIterator[dict[str, str]]:
    if database is None:
        yield {}
        return
    async with database.database() as url:
        yield {"SSHCAST_DATABASE_URL": url}
    await database.execute("DROP DATABASE IF EXISTS restored WITH (FORCE)")


@pytest.fixture
def ground(openssh: Target, database: Postgres | None, variables: dict[str, str], tmp_path: Path) -> Iterator[Ground]:
    given: dict[str, Any] = {"SSHCAST_RUNNER_SLOTS": "6"} | variables
    with serving(tmp_path / "data", openssh, **given) as service:
        yield Ground(service, tmp_path, database)


def command_of(folder: Path, number: int) -> str:
    """Each runs for a while, says who it is, and ends with a status of its own."""
    seconds = (0.5, 4, 20)[number % 3]
    return mark_run(folder / f"run-{number}", f"sleep {seconds}; echo {number}; exit {number % 2}")


async def ask(client: httpx2.AsyncClient, query: str, **variables: Any) -> Any:
    data = told(await client.post("/graphql", json={"query": query, "variables": variables}))["data"]
    (found,) = data.values()
    assert not found.get("errors"), found
    return found


async def start(client: httpx2.AsyncClient, folder: Path, number: int) -> None:
    await ask(client, RUN, input={"serverId": 1, "command": command_of(folder, number)})


async def list_executions(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    return list((await ask(client, EXECUTIONS))["nodes"])


async def until_ended(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    async with asyncio.timeout(120):
        while True:
            found = await list_executions(client)
            if not any(each["state"] in ("PENDING", "RUNNING") for each in found):
                return found
            await asyncio.sleep(0.3)


def find_lie(run: dict[str, Any], folder: Path) -> str | None:
    """What is untrue in a record of the restored service."""
    if run["reason"] == "LOST":
        said = run["message"] or ""
        return None if "backup of " in said and "unknown" in said else f"LOST without the reason: {said}"
    number = next(n for n in range(BEFORE + AFTER) if f"/run-{n};" in f"{run['command'].split('>> ')[-1]}")
    if run["reason"] != "EXIT_STATUS" or run["exitCode"] != number % 2:
        return f"{run}"
    return None if (folder / f"run-{number}").exists() else f"never ran: {run}"


async def test_each_record_is_true_or_says_unknown_and_nothing_runs_twice(ground: Ground) -> None:
    service, folder = ground.service, ground.folder
    async with service.client() as client:
        await service.calls(client.get, "/readyz")
        ticking = mark_run(folder / "ticks", "true")
        task = {"name": "tick", "serverId": 1, "command": ticking, "cronExpr": "@every 2s", "terms": {"missed": "ALL"}}
        await ask(client, TASK, input=task)
        for number in range(BEFORE):
            await start(client, folder, number)
            await asyncio.sleep(0.1)
        archive = await asyncio.to_thread(ground.back_up)
        at_backup = {each["id"]: each["state"] for each in await list_executions(client)}
        for number in range(BEFORE, BEFORE + AFTER):
            await start(client, folder, number)
        await wait_until(lambda: all(count_runs(folder / f"run-{n}") for n in range(BEFORE)), seconds=120)
        await asyncio.sleep(4)  # some slots more
        service.stop()
    ticks = count_runs(folder / "ticks")
    ran = [count_runs(folder / f"run-{n}") for n in range(BEFORE + AFTER)]
    restored = Mortal(await ground.restore(archive), free_port())
    restored.start()
    try:
        async with restored.client() as client:
            await restored.calls(client.get, "/readyz")
            settled = await list_executions(client)
            own = [each for each in settled if "/run-" in each["command"]]
            assert own
            await asyncio.sleep(6)  # long enough for a claim, a take-over and slots
            ended = await until_ended(client)
            ledger = (await ask(client, LEDGER))["nodes"]
    finally:
        restored.stop()
    lies = [lie for run in ended if "/run-" in run["command"] and (lie := find_lie(run, folder))]
    assert lies == []
    assert [count_runs(folder / f"run-{n}") for n in range(BEFORE + AFTER)] == ran
    assert max(ran) == 1
    missed = [each for each in ledger if each["outcome"] == "MISSED"]
    assert missed
    assert all("restored from a backup" in each["reason"] for each in missed)
    # What the restored service ran of the schedule is due after the restore: one run for each of its slots.
    fired = [each for each in ledger if each["outcome"] in ("FIRED", "CAUGHT_UP")]
    first = max(each["slot"] for each in missed)
    assert count_runs(folder / "ticks") - ticks <= sum(each["slot"] > first for each in fired)
    lost = sum(run["reason"] == "LOST" for run in ended)
    known = len(ended) - lost
    print({"at the backup": sorted(at_backup.values()), "lost": lost, "known": known, "missed": len(missed)})
