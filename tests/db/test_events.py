"""Events have the order in which transactions became final, and a place in it that nothing takes later."""

import asyncio
import importlib
import re
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, insert, text

from db import claims, events, transitions
from db.event_filters import EventFilter
from db.events import EventRange, EventsFound, Expired
from db.store import Store, open_store
from db.values import EventKind
from db.visibility import VisibilityScope
from runner.bus import Bus
from runner.retention import HOUR, Retention, RetentionPolicy
from tests.support import rows
from tests.support.costs import cost
from tests.support.postgres import Postgres
from tests.support.stores import Database, find_database

pytestmark = pytest.mark.anyio

ALL = EventFilter(with_audit=True)
DAY = timedelta(days=1)
TRIGGERS: Any = importlib.import_module("db.migrations.versions.0008_output_and_events").TRIGGERS
OF_FLEET_RUNS: Any = importlib.import_module("db.migrations.versions.0009_fleets").OF_FLEET_RUNS


def add(conn: Connection, count: int = 1) -> list[int]:
    """Executions on server 1; their ids."""
    return [rows.pending(conn, server_id=1).id for _ in range(count)]


async def read(store: Store, filter: EventFilter = ALL, **window: Any) -> EventsFound:
    found = await store.read(events.read, filter, EventRange(**{"limit": 100} | window))
    assert isinstance(found, EventsFound)
    return found


def list_runs(found: EventsFound) -> list[int | None]:
    return [row.execution_id for row in found.rows]


def test_the_kinds_are_those_that_the_triggers_write() -> None:
    bodies = " ".join(body for *_, body in (*TRIGGERS, *OF_FLEET_RUNS))
    written = set(re.findall(r"'((?:execution|slot|task|server|fleet-run|audit)-[a-z-]+)'", bodies))
    assert written == {str(kind) for kind in EventKind}


async def test_a_run_leaves_its_events_with_the_state_of_each_moment(store: Store) -> None:
    await store.run(rows.server)
    (id,) = await store.run(add)
    (row,) = await store.run(claims.claim, runner_id="r", at=rows.at(1), limit=1)
    await store.run(transitions.request_cancel, id, rows.at(2), 7)
    await store.run(
        transitions.finish, id, row.fence, {"state": "CANCELLED", "reason": "CANCELLED", "end_time": rows.at(3)}
    )
    found = [(row.kind, row.state, row.reason, row.actor_id, row.at) for row in (await read(store)).rows]
    assert found == [
        ("execution-created", "PENDING", None, 1, rows.NOON),
        ("execution-started", "RUNNING", None, None, rows.at(1)),
        ("execution-cancel-requested", "RUNNING", None, 7, rows.at(2)),
        ("execution-ended", "CANCELLED", "CANCELLED", 7, rows.at(3)),
    ]


async def test_who_cancels_what_waits_is_in_its_event(store: Store) -> None:
    await store.run(rows.server)
    task = await store.run(rows.task, server_id=1)
    (id,) = await store.run(add)
    await store.run(rows.pending, server_id=1, task_id=task.id)
    await store.run(transitions.request_cancel, id, rows.at(1), 5)
    await store.run(transitions.cancel_pending_of_task, task.id, rows.at(1), "the task was deleted", 6)
    assert [row.actor_id for row in (await read(store)).rows if row.kind == "execution-ended"] == [5, 6]


async def test_what_is_rolled_back_leaves_no_event(store: Store) -> None:
    def fail(conn: Connection) -> None:
        add(conn)
        raise RuntimeError

    await store.run(rows.server)
    with pytest.raises(RuntimeError):
        await store.run(fail)
    assert not (await read(store)).rows


async def test_pages_go_both_ways_without_a_gap(store: Store) -> None:
    await store.run(rows.server)
    ids = await store.run(add, 7)
    seen: list[int | None] = []
    page = await read(store, limit=3)
    while True:
        seen += list_runs(page)
        if not page.more:
            break
        page = await read(store, limit=3, after=page.edge)
    assert seen == ids
    last = await read(store, limit=3, backward=True)
    assert (list_runs(last), last.more) == (ids[-3:], True)
    before = await read(store, limit=10, backward=True, before=last.edge)
    assert (list_runs(before), before.more) == (ids[:-3], False)


async def test_a_filter_that_little_matches_is_read_in_bounded_steps(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "FEWEST_SCANNED", 2)
    monkeypatch.setattr(events, "MOST_SCANNED", 2)
    await store.run(rows.server)
    task = await store.run(rows.task, server_id=1)
    ids = [(await store.run(rows.pending, server_id=1, task_id=task.id)).id for _ in range(5)]
    await store.run(transitions.request_cancel, ids[-1], rows.NOON)
    rare = EventFilter(task_id=task.id, kinds=(EventKind.EXECUTION_ENDED,))
    for backward, key in ((False, "after"), (True, "before")):
        page, pages = await read(store, rare, backward=backward), 1
        found = list(page.rows)
        while page.more:
            page = await read(store, rare, backward=backward, **{key: page.edge})
            found, pages = [*found, *page.rows], pages + 1
        assert [row.execution_id for row in found] == [ids[-1]]
        assert pages == 4


async def test_a_reader_whom_nothing_concerns_does_not_fall_behind(store: Store) -> None:
    """What was looked at counts as read, so that retention does not expire it."""
    await store.run(rows.server)
    await store.run(add, 3)
    for rare in (EventFilter(task_id=4711), EventFilter(server_id=1, kinds=(EventKind.TASK_PAUSED,))):
        found = await read(store, rare)
        assert (found.rows, found.more, found.edge) == ([], False, await store.read(events.find_end))
    assert await store.run(events.prune, rows.at(1), 10) == 3
    assert not await is_expired(store, found.edge)


async def test_kinds_are_merged_in_the_order_of_the_stream(store: Store) -> None:
    await store.run(rows.server)
    first, second = await store.run(add, 2)
    await store.run(transitions.request_cancel, first, rows.NOON)
    (third,) = await store.run(add)
    await store.run(transitions.request_cancel, third, rows.NOON)
    both = EventFilter(kinds=(EventKind.EXECUTION_ENDED, EventKind.EXECUTION_CREATED))
    assert list_runs(await read(store, both)) == [first, second, first, third, third]
    assert list_runs(await read(store, both, limit=2, backward=True)) == [third, third]
    assert await store.read(events.count, both) == 5


async def test_nothing_gets_a_place_before_what_was_read(postgres: Postgres) -> None:
    """A transaction that is open has the lowest number and id; what commits after it waits for it."""
    async with postgres.database() as url:
        store, slow = await open_store(url), await asyncpg.connect(url)
        try:
            await store.run(rows.server)
            (before,) = await store.run(add)
            transaction = slow.transaction()
            await transaction.start()
            late = await slow.fetchval(COPY, before)
            after = await store.run(add, 3)
            found = await read(store)
            assert list_runs(found) == [before]
            assert list_runs(await read(store, limit=1, backward=True)) == [before]
            assert not (await read(store, after=found.edge)).rows
            await transaction.commit()
            assert list_runs(await read(store, after=found.edge)) == [late, *after]
            assert await store.read(events.count, ALL) == 5
        finally:
            await slow.close()
            await store.close()


COLUMNS = (
    "server_id, command, env, timeout_seconds, output_limit, trigger, attempt, state, fence, truncated, created_at,"
    " created_by"
)
COPY = f"INSERT INTO task_executions ({COLUMNS}) SELECT {COLUMNS} FROM task_executions WHERE id = $1 RETURNING id"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Database]:
    return [find_database(request, request.param, tmp_path_factory.mktemp("events")) for _ in range(2)]


async def test_no_page_costs_more_beside_more_events(
    databases: list[Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted: SQLite's steps, and the rows that PostgreSQL looks at."""
    monkeypatch.setattr(events, "MOST_SCANNED", 200)
    counted: list[dict[str, int]] = []
    for database, size in zip(databases, (10_000, 40_000), strict=True):
        async with database() as url:
            store = await open_store(url)
            await store.run(fill, size)
            counted.append({name: await store.run(count_cost, *asked) for name, asked in list_pages(size).items()})
            await store.close()
    few, many = counted
    growing = {name for name in few if many[name] > few[name] * 1.2 + 50}
    assert growing <= (SMALL if store.dialect == "postgresql" else set()), (few, many)


# PostgreSQL reads tables as small as these by the index of the order; among a million events it does not.
SMALL = {"a server, a rare kind", "a server, a rare kind, last"}


def list_pages(size: int) -> dict[str, tuple[EventFilter, EventRange]]:
    """Pages of 20 from the middle, whatever the condition."""
    middle, rare = EventRange(limit=20, after=(size // 2 * 500 // size, size // 2)), (EventKind.TASK_PAUSED,)
    filters = {
        "all": ALL,
        "without the audit": EventFilter(),
        "kinds": EventFilter(kinds=(EventKind.EXECUTION_ENDED, EventKind.EXECUTION_CREATED)),
        "a rare kind": EventFilter(kinds=rare),
        "a task": EventFilter(task_id=7),
        "a server": EventFilter(server_id=7),
        "an execution": EventFilter(execution_id=size // 3),
        "a server, a rare kind": EventFilter(server_id=7, kinds=rare),
        "a viewer of nothing": EventFilter(visibility=VisibilityScope(4711)),
    }
    pages = {name: (filter, middle) for name, filter in filters.items()}
    backwards = {f"{name}, last": (filter, EventRange(limit=20, backward=True)) for name, filter in filters.items()}
    return pages | backwards | {"idle": (ALL, EventRange(limit=20, after=(500, size)))}


def count_cost(conn: Connection, filter: EventFilter, window: EventRange) -> int:
    return cost(conn, events.read, filter, window)


def fill(conn: Connection, size: int) -> None:
    """Events in the order of their ids, by transactions that are over in any database."""
    made = [
        {
            "id": number,
            "xid": number * 500 // size if conn.dialect.name == "postgresql" else 0,
            "at": rows.NOON,
            "kind": EventKind.AUDIT_RECORDED if number % 9 == 0 else LIFE[number % 3],
            "server_id": number % 20,
            "task_id": number % 50,
            "execution_id": number // 3,
        }
        for number in range(1, size + 1)
    ]
    conn.execute(insert(events.events), made)
    if conn.dialect.name == "postgresql":
        conn.execute(text("ANALYZE events"))


LIFE = (EventKind.EXECUTION_CREATED, EventKind.EXECUTION_STARTED, EventKind.EXECUTION_ENDED)


async def test_retention_removes_from_the_beginning_and_expires_cursors(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.retention.PIECE", 2)
    await store.run(rows.server)
    old = [(await store.run(rows.pending, server_id=1, created_at=rows.NOON - DAY * 3)).id for _ in range(3)]
    (young,) = await store.run(add)
    places = [(row.xid, row.id) for row in (await read(store)).rows]
    upkeep = Retention(bus=Bus(), store=store, policy=RetentionPolicy(events=DAY), clock=lambda: rows.NOON)
    assert [await upkeep.tick() < HOUR, list_runs(await read(store))] == [True, [old[2], young]]
    assert [await upkeep.tick() < HOUR, list_runs(await read(store))] == [True, [young]]
    assert [await upkeep.tick(), list_runs(await read(store))] == [HOUR, [young]]
    assert [await is_expired(store, place) for place in places] == [True, True, False, False]
    assert list_runs(await read(store, after=places[2])) == [young]


async def is_expired(store: Store, place: tuple[int, int]) -> bool:
    return isinstance(await store.read(events.read, ALL, EventRange(limit=1, after=place)), Expired)


async def test_a_cursor_from_beyond_the_stream_is_expired(store: Store) -> None:
    await store.run(rows.server)
    await store.run(add)
    (row,) = (await read(store)).rows
    end = await store.read(events.find_end)
    assert not await is_expired(store, end)
    assert await is_expired(store, (row.xid + 1000 * bool(row.xid), row.id + 1000))


async def test_a_restored_database_tells_its_events_and_expires_earlier_cursors(postgres: Postgres) -> None:
    async with postgres.database() as url:
        store = await open_store(url)
        await store.run(rows.server)
        ids = await store.run(add, 2)
        places = [(row.xid, row.id) for row in (await read(store)).rows]
        await store.run(lambda conn: conn.execute(text("UPDATE events SET xid = xid + 1000000 WHERE id > 1")))
        assert list_runs(await read(store)) == ids[:1]
        loop = Retention(bus=Bus(), store=store, policy=RetentionPolicy(), clock=lambda: rows.NOON)
        assert await loop.tick() == HOUR
        assert list_runs(await read(store)) == ids
        assert [await is_expired(store, place) for place in places] == [True, True]
        (new,) = await store.run(add)
        found = await read(store, limit=2)
        assert list_runs(await read(store, after=found.edge)) == [new]
        await store.close()


async def test_many_writers_at_once_leave_one_order_for_all_readers(store: Store) -> None:
    await store.run(rows.server)
    seen: list[int | None] = []

    async def follow() -> None:
        edge = events.START
        while len(seen) < 60:
            found = await read(store, limit=7, after=edge)
            seen.extend(list_runs(found))
            edge = found.edge

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(follow())
        made = [group.create_task(store.run(add, 3)) for _ in range(20)]
    assert sorted(seen) == sorted(id for task in made for id in task.result())  # type: ignore[type-var]
    assert seen == list_runs(await read(store))
