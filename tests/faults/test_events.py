"""A client of the events is away while two services on one PostgreSQL work: back, it gets all it missed, each once."""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.support.commands import Commands
from tests.support.event_reader import EventReader, Told, find_end, list_cursors
from tests.support.faults.service import Mortal, serving
from tests.support.faults.work import FULL, told
from tests.support.postgres import Postgres, postgres
from tests.support.targets import Target, openssh
from tests.support.waiting import until

__all__ = ["openssh", "postgres"]

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(600)]

AWAY_SECONDS = 60.0 if FULL else 10.0
READ_FIRST = 40
KEYS = {"SSHCAST_SECRET_KEY": "5e" * 32, "SSHCAST_SIGNING_KEY": "a long enough key that both services share"}
# Keeps each outcome that a slot has had: the ledger itself has only the last one.
KEEP_OUTCOMES = """
CREATE TABLE outcomes (kind text, id bigint, outcome text);
CREATE FUNCTION keep_outcome() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO outcomes
    VALUES (CASE TG_OP WHEN 'INSERT' THEN 'slot-decided' ELSE 'slot-changed' END, NEW.id, NEW.outcome);
    RETURN NULL;
END $$;
CREATE TRIGGER keep_new AFTER INSERT ON schedule_slots FOR EACH ROW EXECUTE FUNCTION keep_outcome();
CREATE TRIGGER keep_changed AFTER UPDATE ON schedule_slots FOR EACH ROW
    WHEN (OLD.outcome IS DISTINCT FROM NEW.outcome) EXECUTE FUNCTION keep_outcome();
"""
EXECUTIONS = """
SELECT id, state, trigger = 'schedule', start_time IS NOT NULL, start_time IS NOT NULL AND cancel_at IS NOT NULL
FROM task_executions
"""
UNFINISHED = """
SELECT (SELECT count(*) FROM task_executions WHERE state IN ('PENDING', 'RUNNING'))
     + (SELECT count(*) FROM schedule_slots WHERE outcome = 'waiting')
"""


LOGIN = {
    "username": "nobody",
    "credential": {"password": "none"},
    "hostKeys": ["192.0.2.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDoZSxBzd61XwO3TXuuvYqoHI2J0IViRs4YhH+rBzqLp"],
}
KINDS = {
    *(f"execution-{word}" for word in ("created", "started", "cancel-requested", "ended")),
    *(f"{subject}-{word}" for subject in ("server", "task") for word in ("created", "updated", "deleted")),
    "slot-decided",
    "slot-changed",
    "audit-recorded",
}
# In this order they come to any one object.
LIFE = ("created", "decided", "updated", "started", "cancel-requested", "changed", "ended", "deleted", "recorded")


@pytest.fixture
async def url(postgres: Postgres) -> AsyncIterator[str]:
    async with postgres.database() as found:
        yield found


@pytest.fixture
def services(url: str, openssh: Target, tmp_path: Path) -> Iterator[tuple[Mortal, Mortal]]:
    """Two processes on one database: each has a data folder of its own, and both have the same keys."""
    variables: dict[str, Any] = {"SSHCAST_DATABASE_URL": url} | KEYS
    with serving(tmp_path / "first", openssh, **variables) as first:
        second = Mortal(Commands(tmp_path / "second", variables))
        second.start()
        yield first, second
        second.stop()


@dataclass(slots=True)
class Maker:
    """Makes changes and runs on one service, and notes of each answer which events it stands for."""

    client: httpx2.AsyncClient
    name: str
    record: list[Told] = field(default_factory=list)

    async def mutate(self, mutation: str, answered: str = "__typename", **given: Any) -> Any:
        """What the answer has in this field, which every answer without mistakes has."""
        query = f"""mutation($input: {mutation[0].upper()}{mutation[1:]}Input!) {{
          {mutation}(input: $input) {{ {answered} errors {{ message }} }}
        }}"""
        answer = told(await self.client.post("/graphql", json={"query": query, "variables": {"input": given}}))
        payload = answer["data"][mutation]
        assert payload["errors"] == [], payload
        return payload[answered.partition(" ")[0]]

    async def make(self, subject: str, **given: Any) -> int:
        """Create a server or a task. Its id."""
        made = await self.mutate(f"create{subject.capitalize()}", f"{subject} {{ id }}", **given)
        return self.note(f"{subject}-created", made["id"])

    async def change(self, subject: str, id: int, **given: Any) -> None:
        await self.mutate(f"update{subject.capitalize()}", id=id, **given)
        self.note(f"{subject}-updated", id)

    async def delete(self, subject: str, id: int) -> None:
        await self.mutate(f"delete{subject.capitalize()}", id=id)
        self.note(f"{subject}-deleted", id)

    def note(self, kind: str, id: Any) -> int:
        self.record.append((kind, int(id), None))
        return int(id)

    async def schedule(self, overlap: str, command: str) -> int:
        """Make a task that is due each second."""
        given = {"name": overlap, "command": command, "cronExpr": "* * * * * *", "terms": {"overlap": overlap}}
        return await self.make("task", serverId=1, **given)

    async def work(self, enough: asyncio.Event) -> None:
        for number in itertools.count():
            if enough.is_set():
                return
            await self.change_objects(f"{self.name} {number}")
            await self.run(f"echo {number}")
            await self.mutate("cancelExecution", id=await self.run("sleep 60"))
            await asyncio.sleep(0.2)

    async def run(self, command: str) -> int:
        made = await self.mutate("runCommand", "execution { id }", serverId=1, command=command)
        self.record.append(("execution-created", int(made["id"]), "PENDING"))
        return int(made["id"])

    async def change_objects(self, name: str) -> None:
        """Make a server and a task, change both, and delete both."""
        server = await self.make("server", name=name, host="192.0.2.1", **LOGIN)
        await self.change("server", server, enabled=False)
        task = await self.make("task", name=name, command="true", cronExpr="@manual", serverId=server)
        await self.change("task", task, command="uptime")
        await self.delete("task", task)
        await self.delete("server", server)


@dataclass(slots=True)
class Tables:
    """What the tables say, read on a connection of the test's own. `audited`: the newest audit event before it all."""

    conn: "asyncpg.Connection[asyncpg.Record]"
    audited: int = 0

    async def begin(self) -> None:
        await self.conn.execute(KEEP_OUTCOMES)
        self.audited = await self.conn.fetchval("SELECT max(id) FROM audit_events")

    async def until_finished(self) -> None:
        async with asyncio.timeout(120):
            while await self.conn.fetchval(UNFINISHED):  # noqa: ASYNC110 - a row has no event
                await asyncio.sleep(0.1)

    async def read_record(self) -> list[Told]:
        """The events that executions, slots and the audit stand for; those of users' own runs are in the answers."""
        record: list[Told] = [tuple(row) for row in await self.conn.fetch("SELECT kind, id, outcome FROM outcomes")]
        for id, state, by_schedule, started, cancelled in await self.conn.fetch(EXECUTIONS):
            record += [("execution-created", id, "PENDING")] * by_schedule
            record += [("execution-started", id, "RUNNING")] * started
            record += [("execution-cancel-requested", id, "RUNNING")] * cancelled
            record.append(("execution-ended", id, state))
        audited = await self.conn.fetch("SELECT id FROM audit_events WHERE id > $1", self.audited)
        return record + [("audit-recorded", row["id"], None) for row in audited]


@pytest.fixture
async def tables(url: str, services: tuple[Mortal, Mortal]) -> AsyncIterator[Tables]:
    conn = await asyncpg.connect(url)
    yield Tables(conn)
    await conn.close()


@pytest.fixture
async def makers(services: tuple[Mortal, Mortal]) -> AsyncIterator[list[Maker]]:
    async with services[0].client() as one, services[1].client() as other:
        for service, client in zip(services, (one, other), strict=True):
            await service.calls(client.get, "/readyz")
        yield [Maker(one, "first"), Maker(other, "second")]


async def test_who_was_away_gets_what_both_services_did_each_event_once(
    services: tuple[Mortal, Mortal], tables: Tables, makers: list[Maker]
) -> None:
    await tables.begin()
    reader = EventReader(start := await find_end(makers[0].client))
    scheduled = [await makers[0].schedule("ALLOW", "true"), await makers[1].schedule("QUEUE", "sleep 1.5")]
    enough = asyncio.Event()
    working = asyncio.gather(*(maker.work(enough) for maker in makers))
    await reader.read(services[0], count=READ_FIRST)
    left, had = time.monotonic(), len(reader.found)
    await asyncio.sleep(AWAY_SECONDS)
    missed = len(await list_cursors(makers[0].client, reader.cursor))
    away = time.monotonic() - left
    reading = asyncio.create_task(reader.read(services[1]), name="reader")
    await until(lambda: reading.done() or len(reader.found) >= had + missed + READ_FIRST, seconds=120)
    enough.set()
    await working
    for maker, id in zip(makers, scheduled, strict=True):
        await maker.change("task", id, enabled=False)
    await tables.until_finished()
    record = [each for maker in makers for each in maker.record] + await tables.read_record()
    with suppress(TimeoutError):  # the comparison says more
        await until(lambda: reading.done() or len(reader.found) >= len(record), seconds=60)
    reading.cancel()
    print(json.dumps({"seconds away": round(away, 1), "read before": had, "missed": missed, "in all": len(record)}))
    assert Counter(reader.found) == Counter(record)
    assert {kind for kind, _, _ in record} >= KINDS
    assert [await list_cursors(maker.client, start) for maker in makers] == [reader.cursors] * 2
    assert missed > had
    check_lives(reader.found)


def check_lives(found: list[Told]) -> None:
    """The events of each execution, slot, task and server come in the order of its life."""
    lives: dict[tuple[str, int], list[int]] = {}
    for kind, id, _ in found:
        subject, _, word = kind.partition("-")
        lives.setdefault((subject, id), []).append(LIFE.index(word))
    assert [life for life in lives.items() if life[1] != sorted(life[1])] == []
