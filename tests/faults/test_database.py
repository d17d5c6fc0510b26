"""The database is away for a while, stopped or restarted: what runs goes on, and its record is whole afterwards."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.faults import work
from tests.support.faults.service import Mortal, serving
from tests.support.faults.work import FULL
from tests.support.postgres import TEMPLATE, Postgres
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(1800)]

RUNS = 200 if FULL else 40
SECONDS = 60 if FULL else 15


@dataclass(slots=True)
class Database:
    """A PostgreSQL of the test's own, in one folder and on one port, that comes and goes."""

    folder: Path
    held: ExitStack
    server: Postgres

    @classmethod
    def start(cls, folder: Path) -> "Database":
        held = ExitStack()
        return cls(folder, held, held.enter_context(postgres.running(folder)))

    @property
    def url(self) -> str:
        return self.server.url(TEMPLATE)

    def shut_down(self) -> None:
        """A fast shutdown: every connection is cut."""
        self.held.close()

    def start_again(self) -> None:
        self.server = self.held.enter_context(postgres.running(self.folder, port=self.server.port))

    def send(self, number: signal.Signals) -> None:
        """To the server and to the processes of its connections."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for pid in [first, *map(int, children)]:
            os.kill(pid, number)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    folder = tmp_path / "postgres"
    folder.mkdir()
    made = await asyncio.to_thread(Database.start, folder)
    await postgres.make_template(made.server)
    yield made
    await asyncio.to_thread(made.shut_down)


@pytest.fixture
def service(database: Database, openssh: Target, tmp_path: Path) -> Iterator[Mortal]:
    with serving(tmp_path / "data", openssh, SSHCAST_DATABASE_URL=database.url) as mortal:
        yield mortal


async def stopped(database: Database) -> None:
    """It takes connections, and answers nothing."""
    database.send(signal.SIGSTOP)
    await asyncio.sleep(SECONDS)
    database.send(signal.SIGCONT)


async def shut_down(database: Database) -> None:
    await asyncio.to_thread(database.shut_down)
    await asyncio.sleep(SECONDS)
    await asyncio.to_thread(database.start_again)


async def restarted(database: Database) -> None:
    for _ in range(3):
        await asyncio.to_thread(database.shut_down)
        await asyncio.to_thread(database.start_again)
        await asyncio.sleep(1.5)


@pytest.mark.parametrize("away", [stopped, shut_down, restarted], ids=lambda away: away.__name__)
async def test_nothing_is_lost_while_the_database_is_away(
    service: Mortal, database: Database, away: Callable[[Database], Awaitable[None]], tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    jobs = work.jobs(tmp_path / "work", RUNS, seed=11)
    async with service.client() as client:
        await service.calls(client.get, "/readyz")

    async def trouble() -> None:
        await asyncio.sleep(3)
        await away(database)

    going = asyncio.create_task(trouble(), name="database away")
    found = await work.carried_out(service, jobs, at_once=8)
    await going
    work.shown(f"database {away.__name__}", found)
    assert [fault for each in found for fault in each.faults] == []
    assert not any(each.unreached for each in found)
