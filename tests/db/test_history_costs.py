"""What `bench.history` measures does not grow with the history: counted on a short and on a long one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from bench.history_cases import Case, add_work, list_cases
from bench.seeding import History, Volume, seed
from db import execution_plans, executions, output_leads
from db.executions import ExecutionFilter
from db.page import Window
from db.store import Store, open_store
from db.values import State, Stream, Trigger
from db.visibility import VisibilityScope
from tests.support.costs import cost, plan
from tests.support.stores import Database, find_database

pytestmark = pytest.mark.anyio

SHORT, LONG = Volume(2000, tasks=10, servers=5, chunks=600), Volume(20_000, tasks=10, servers=5, chunks=6000)
# What grows with the rows that it passes over, and is known to: docs/performance.md has the figures.
GROWING = {
    "until the middle",
    "with findings",
    "of a task, in a state",
    "started until the middle",
    "with an exit code other than 0, of a server",
}
# PostgreSQL reads tables as small as these whole where that is cheaper; among 10,000 to 100,000 rows they are flat.
WHOLE = {
    "in two states",
    "of a task, from the middle",
    "in a state, from the middle",
    "tick with 20 due",
    "for two reasons",
}
WHOLE |= {"on servers with a tag", "on servers without a tag", "on servers with a tag that none has"}
# The short history ends before it holds a page of these: 100 matches lie among 5,000 rows, and no more are read.
WHOLE |= {
    "with one of two exit codes",
    "with an exit code other than 0",
    "that took an hour or more, with an exit code other than 0",
}
Histories = list[tuple[Store, History]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Database]:
    return [find_database(request, request.param, tmp_path_factory.mktemp("history")) for _ in (SHORT, LONG)]


@pytest.fixture(scope="module")
async def histories(databases: list[Database]) -> AsyncIterator[Histories]:
    async with AsyncExitStack() as held:
        made: Histories = []
        for volume, database in zip((SHORT, LONG), databases, strict=True):
            url = await held.enter_async_context(database())
            store = await open_store(url)
            held.push_async_callback(store.close)
            history = await seed(store, volume)
            await store.run(add_work, history)
            await vacuum(url)
            made.append((store, history))
        yield made


async def vacuum(url: str) -> None:
    """Do PostgreSQL's upkeep now: whether its own has come by already decides on its plans."""
    if url.startswith("postgresql"):
        connection = await asyncpg.connect(url)
        await connection.execute("VACUUM (ANALYZE)")
        await connection.close()


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bounds on the rows that a page looks at hold in histories as short as these."""
    monkeypatch.setattr(execution_plans, "RARE", 100)
    monkeypatch.setattr(executions, "SCANNED", 500)


async def count_both(histories: Histories, name: str) -> tuple[int, int]:
    found = []
    for store, history in histories:
        case = find_case(history, name)
        found.append(await store.run(cost, case.unit, *case.arguments))
    short, long = found
    return short, long


def find_case(history: History, name: str) -> Case:
    return next(case for case in list_cases(history) if case.name == name)


async def test_what_is_to_be_flat_is_flat(histories: Histories) -> None:
    grown, known = {}, GROWING | (WHOLE if histories[0][0].dialect == "postgresql" else set())
    for case in list_cases(histories[0][1]):
        short, long = await count_both(histories, case.name)
        if case.flat and case.name not in known and long > 2 * short + 300:
            grown[case.name] = (short, long)
    assert grown == {}


OPEN_FILTERS = {
    "server": lambda history: ExecutionFilter(server_id=history.server + 1, states=(State.RUNNING,)),
    "task": lambda history: ExecutionFilter(task_id=history.task + 1, states=(State.PENDING, State.RUNNING)),
    "trigger": lambda history: ExecutionFilter(trigger=Trigger.SCHEDULE, states=(State.PENDING,)),
    "user": lambda history: ExecutionFilter(created_by=history.user, states=(State.RUNNING,)),
    "grant": lambda history: ExecutionFilter(states=(State.RUNNING,), visibility=VisibilityScope(history.other)),
}


@pytest.mark.parametrize("name", OPEN_FILTERS)
async def test_open_executions_of_anything_cost_no_history(histories: Histories, name: str) -> None:
    found = []
    for store, history in histories:
        unit = (executions.page, OPEN_FILTERS[name](history), Window(limit=100, descending=True))
        found.append((await store.run(cost, *unit), await store.run(plan, *unit)))
    (short, _), (long, words) = found
    assert long <= 2 * short + 300, words


async def test_bytes_before_a_place_are_found_though_the_other_stream_wrote_for_long(histories: Histories) -> None:
    """The seeded log has one stream only: looking for the other one by position would read all of it."""
    store, history = histories[1]
    end = history.volume.chunks * 1024
    found = await store.read(output_leads.load_leads, history.log, end - 5, 3)
    assert {stream: len(lead.data) for stream, lead in found.items()} == {Stream.STDOUT: 3, Stream.STDERR: 0}
    short, long = await count_both(histories, "bytes before the end of a log")
    assert long <= 2 * short + 100
