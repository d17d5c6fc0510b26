"""A page of each of several owners, in one statement, is the page that each of them has alone: on both databases."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection

from db import executions, fleet_pages, fleets, tasks
from db.executions import ExecutionFilter
from db.fleets import MemberFilter
from db.page import Window
from db.store import Store, open_store
from db.tasks import TaskFilter
from db.values import State
from tests.support import rows
from tests.support.postgres import postgres
from tests.support.sampling import sample
from tests.support.stores import Database, find_database, template

__all__ = ["postgres", "template"]

pytestmark = pytest.mark.anyio

OWNERS = [1, 2, 3, 4, 999]
DICE = random.Random(20261124)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Database:
    return find_database(request, request.param, tmp_path_factory.mktemp("nested"))


@pytest.fixture(scope="module")
async def store(database: Database) -> AsyncIterator[Store]:
    async with database() as url:
        opened = await open_store(url)
        await opened.run(fill)
        yield opened
        await opened.close()


def fill(conn: Connection) -> None:
    """Four servers with tasks, four tasks with executions, and four fleet runs with both; the fourth of each has none.

    The fleet runs' members are in an order of their own.
    """
    made = [rows.server(conn).id for _ in range(4)]
    for n in range(40):
        rows.task(conn, server_id=made[n % 3], name=f"task {DICE.randrange(20)}", last_run=moment())
    for n in range(60):
        state = DICE.choice([State.SUCCESS, State.FAILED])
        owners = {"task_id": n % 3 + 1, "fleet_run_id": n // 7 % 3 + 1}
        rows.pending(conn, server_id=1, state=state, start_time=moment(), end_time=moment(), **owners)
    made += [rows.server(conn).id for _ in range(8)]
    for number in (9, 7, 12, 0):
        rows.fleet_run(conn, DICE.sample(made, number))


def moment() -> Any:
    return DICE.choice([None, *map(rows.at, range(5))])


def windows(found: list[Any], orders: tuple[str, ...]) -> list[Window]:
    """Every order and direction, from either edge, some from a row in the middle."""
    made = []
    for order in orders:
        for descending in (False, True):
            row = DICE.choice(found)
            key = (getattr(row, order), row.id)
            usual: dict[str, Any] = {"limit": DICE.randint(1, 8), "order": order, "descending": descending}
            made += [Window(**usual), Window(**usual, after=key), Window(**usual, offset=2)]
            made += [Window(**usual, backward=True), Window(**usual, backward=True, before=key)]
    return made


@pytest.mark.sampled
async def test_executions_of_tasks(store: Store) -> None:
    everything = await store.read(executions.page, ExecutionFilter(), Window(limit=100))
    for filter in (ExecutionFilter(), ExecutionFilter(states=(State.FAILED,))):
        for window in sample(windows(everything, ("id", "created_at", "start_time", "end_time")), 4):
            found = await store.read(executions.page_of_tasks, OWNERS, filter, window)
            for task in OWNERS:
                alone = ExecutionFilter(task_id=task, states=filter.states)
                assert ids(found[task]) == ids(await store.read(executions.page, alone, window)), window


@pytest.mark.sampled
async def test_tasks_of_servers(store: Store) -> None:
    everything = await store.read(tasks.page, TaskFilter(), Window(limit=100))
    for filter in (TaskFilter(), TaskFilter(name_contains="1")):
        for window in sample(windows(everything, ("id", "name", "last_run", "created_at")), 4):
            found = await store.read(tasks.page_of_servers, OWNERS, filter, window)
            for server in OWNERS:
                alone = TaskFilter(server_id=server, name_contains=filter.name_contains)
                assert ids(found[server]) == ids(await store.read(tasks.page, alone, window)), window


@pytest.mark.sampled
async def test_executions_of_fleet_runs(store: Store) -> None:
    everything = await store.read(executions.page, ExecutionFilter(), Window(limit=100))
    for filter in (ExecutionFilter(), ExecutionFilter(states=(State.FAILED,))):
        for window in sample(windows(everything, ("id", "created_at", "start_time", "end_time")), 4):
            found = await store.read(fleet_pages.page_executions, OWNERS, filter, window)
            for run in OWNERS:
                alone = ExecutionFilter(fleet_run_id=run, states=filter.states)
                assert ids(found[run]) == ids(await store.read(executions.page, alone, window)), window


@pytest.mark.parametrize("states", [None, ("WAITING",), ("WAITING", "STARTED")])
async def test_members_of_fleet_runs(store: Store, states: tuple[str, ...] | None) -> None:
    wanted = MemberFilter(states=states)
    totals = await store.read(fleet_pages.count_members, OWNERS, wanted)
    for window in (Window(limit=3), Window(limit=3, after=(4, 4)), Window(limit=3, backward=True, before=(9, 9))):
        found = await store.read(fleet_pages.page_members, OWNERS, wanted, window)
        for run in OWNERS:
            alone = MemberFilter(run, states)
            assert ids(found[run]) == ids(await store.read(fleets.page_members, alone, window)), window
            assert totals[run] == await store.read(fleets.count_members, alone)


async def test_totals_of_several_owners(store: Store) -> None:
    found = await store.read(executions.count_of_tasks, OWNERS, ExecutionFilter(states=(State.FAILED,)))
    for task, total in found.items():
        alone = ExecutionFilter(task_id=task, states=(State.FAILED,))
        assert total == await store.read(executions.count, alone)
    assert (found[4], found[999]) == (0, 0)


def ids(found: list[Any]) -> list[int]:
    return [row.id for row in found]
