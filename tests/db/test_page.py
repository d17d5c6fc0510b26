"""Lists by keyset: every order, direction and edge against a Python sort of the same rows."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from db import executions, page, servers, tasks
from db.executions import ExecutionFilter
from db.models import Task, TaskExecution
from db.page import PageKey, Window
from db.store import Store, open_store
from db.tasks import TaskFilter
from db.values import State
from tests.support import rows
from tests.support.sampling import choose_count
from tests.support.stores import Database, find_database

pytestmark = pytest.mark.anyio

NAMES = ["a", "B", "ä", "Ä", "z", "Z", "_", "%", "aa", "a b", "é", "漢", "😀", "ß"]
SERVERS = 3


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Database:
    return find_database(request, request.param, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
async def store(database: Database) -> AsyncIterator[Store]:
    """Tasks and executions with many ties and missing values."""
    async with database() as url:
        opened = await open_store(url)
        await opened.run(fill)
        yield opened
        await opened.close()


def fill(conn: Connection) -> None:
    dice = random.Random(20261124)

    def moment() -> datetime | None:
        return dice.choice([None, *map(rows.at, (0, 0.000001, 1, 5, 86_400))])

    for _ in range(SERVERS):
        rows.server(conn)
    for n in range(60):
        server_id = n % SERVERS + 1
        changes = {"next_run": moment(), "last_run": moment(), "created_at": moment() or rows.NOON}
        task = rows.task(conn, name=dice.choice(NAMES), server_id=server_id, **changes)
        times = {"start_time": moment(), "end_time": moment(), "created_at": moment() or rows.NOON}
        rows.pending(conn, server_id=server_id, task_id=task.id, state=dice.choice(list(State)), **times)


def key(row: Any, order: str) -> PageKey:
    return getattr(row, order), row.id


def sorted_rows(found: list[Any], order: str, descending: bool) -> list[Any]:
    """Rows without a value last, both ways; ties by id, which turns with the direction."""
    valued = [row for row in found if getattr(row, order) is not None]
    empty = [row for row in found if getattr(row, order) is None]
    valued.sort(key=lambda row: key(row, order), reverse=descending)
    return valued + sorted(empty, key=lambda row: row.id, reverse=descending)


def expected(everything: list[Any], window: Window) -> list[int]:
    ordered = sorted_rows(everything, window.order, window.descending)
    places = [key(row, window.order) for row in ordered]
    start = places.index(window.after) + 1 if window.after else 0
    end = places.index(window.before) if window.before else len(ordered)
    between = ordered[start : max(start, end)]
    if window.backward:
        return [row.id for row in between[-(window.limit + 1) :]]
    return [row.id for row in between[window.offset :][: window.limit + 1]]


def every_task(conn: Connection) -> list[Task]:
    return tasks.page(conn, TaskFilter(), Window(limit=1000))


def every_execution(conn: Connection) -> list[TaskExecution]:
    return executions.page(conn, ExecutionFilter(), Window(limit=1000))


LISTS = [
    *((tasks.page, TaskFilter(), every_task, order) for order in ("id", "name", "last_run", "next_run", "created_at")),
    *(
        (executions.page, ExecutionFilter(), every_execution, order)
        for order in ("created_at", "start_time", "end_time")
    ),
]


@pytest.mark.sampled
@pytest.mark.parametrize("listing", LISTS, ids=lambda listing: f"{listing[2].__name__} by {listing[3]}")
async def test_any_window_is_that_of_a_python_sort(store: Store, listing: Any) -> None:
    query, filter, all_of, order = listing
    everything = await store.read(all_of)
    assert len(everything) == 60
    windows: list[Window] = []

    @given(
        limit=st.integers(1, 70),
        descending=st.booleans(),
        after=st.none() | st.sampled_from(everything),
        before=st.none() | st.sampled_from(everything),
        backward=st.booleans(),
        offset=st.none() | st.integers(0, 70),
    )
    @settings(max_examples=choose_count(16, 80), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def collect(after: Any, before: Any, offset: int | None, **rest: Any) -> None:
        edges: dict[str, Any] = {
            name: key(row, order) for name, row in (("after", after), ("before", before)) if row is not None
        }
        window = Window(order=order, **rest, **edges)
        windows.append(
            window if offset is None else replace(window, offset=offset, after=None, before=None, backward=False)
        )

    collect()
    found = await store.read(lambda conn: [[row.id for row in query(conn, filter, window)] for window in windows])
    for window, ids in zip(windows, found, strict=True):
        assert ids == expected(everything, window), window


@pytest.mark.parametrize("order", ["id", "name", "last_run", "next_run", "created_at"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("backward", [False, True])
async def test_walking_page_by_page_gives_every_row_once_in_order(
    store: Store, order: str, descending: bool, backward: bool
) -> None:
    everything = await store.read(every_task)
    window = Window(limit=7, order=order, descending=descending, backward=backward)
    walked: list[int] = []
    while True:
        found = await store.read(tasks.page, TaskFilter(), window)
        more = len(found) > window.limit
        shown = found[-window.limit :] if backward else found[: window.limit]
        walked = [row.id for row in shown] + walked if backward else walked + [row.id for row in shown]
        if not more:
            break
        edge = key(shown[0] if backward else shown[-1], order)
        window = replace(window, before=edge) if backward else replace(window, after=edge)
    assert walked == [row.id for row in sorted_rows(everything, order, descending)]


@pytest.mark.parametrize("order", ["id", "name", "next_run", "created_at"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("backward", [False, True])
async def test_the_pages_of_several_owners_are_each_owners_own(
    store: Store, order: str, descending: bool, backward: bool
) -> None:
    everything = await store.read(every_task)
    plain = Window(limit=5, order=order, descending=descending, backward=backward)
    middle = key(next(row for row in everything if row.id == 31), order)
    for window in (plain, replace(plain, before=middle) if backward else replace(plain, after=middle)):
        found = await store.read(tasks.page_of_servers, [1, 2, 3, 99], TaskFilter(), window)
        for server_id in (1, 2, 3, 99):
            alone = await store.read(tasks.page, TaskFilter(server_id=server_id), window)
            assert [row.id for row in found[server_id]] == [row.id for row in alone]


async def test_totals_are_those_of_the_lists(store: Store) -> None:
    assert await store.read(tasks.count, TaskFilter()) == 60
    assert await store.read(tasks.count_of_servers, [1, 2, 99], TaskFilter()) == {1: 20, 2: 20, 99: 0}
    assert await store.read(executions.count, ExecutionFilter()) == 60
    assert await store.read(executions.count_of_tasks, [1, 99], ExecutionFilter()) == {1: 1, 99: 0}
    assert await store.read(servers.count, servers.ServerFilter()) == SERVERS


async def test_rows_that_come_and_go_between_pages_move_no_other(store: Store) -> None:
    def walk(conn: Connection) -> tuple[list[int], list[int]]:
        window = Window(limit=5, order="name")
        first = tasks.page(conn, TaskFilter(), window)[:5]
        rest = page.page(conn, Task, [tasks.NOT_DELETED], replace(window, limit=100, after=key(first[-1], "name")))
        tasks.delete(conn, first[0].id, rows.NOON)
        tasks.delete(conn, first[-1].id, rows.NOON)
        rows.task(conn, name=" before all", server_id=1)
        again = page.page(conn, Task, [tasks.NOT_DELETED], replace(window, limit=100, after=key(first[-1], "name")))
        raise Undone([row.id for row in rest], [row.id for row in again])

    with pytest.raises(Undone) as caught:
        await store.run(walk)
    before, after = caught.value.args
    assert before == after


class Undone(Exception):
    """Carries what was found out of a unit that is rolled back."""
