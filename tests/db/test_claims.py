"""Claiming: nobody takes what another took, limits are exact, and servers and users take turns."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from db import claims, executions, servers
from db import rows as tables
from db.models import TaskExecution
from db.store import Store, open_store
from db.values import State
from tests.support import rows
from tests.support.sampling import choose_count

pytestmark = pytest.mark.anyio

table = tables.get_table(TaskExecution)


@pytest.fixture
async def other(url: str, store: Store) -> AsyncIterator[Store]:
    """Another process's store on the same database."""
    opened = await open_store(url)
    yield opened
    await opened.close()


def fill(conn: Connection, /, counts: list[int], **changes: Any) -> list[int]:
    """Servers with so many pending executions each; the servers' ids."""
    made = [rows.server(conn, **changes).id for _ in counts]
    for id, count in zip(made, counts, strict=True):
        for _ in range(count):
            rows.pending(conn, server_id=id)
    return made


def running(conn: Connection) -> dict[int, int]:
    query = select(table.c.server_id, func.count()).where(table.c.state == State.RUNNING).group_by(table.c.server_id)
    return {row[0]: row[1] for row in conn.execute(query)}


async def take(store: Store, limit: int = 10, **more: Any) -> list[TaskExecution]:
    return await store.run(claims.claim, runner_id=f"runner {id(store)}", at=rows.at(5), limit=limit, **more)


async def test_a_claimed_execution_is_its_runners_under_a_new_fence(store: Store) -> None:
    await store.run(fill, [1])
    (row,) = await take(store)
    assert (row.state, row.runner_id, row.fence, row.start_time) == ("RUNNING", f"runner {id(store)}", 1, rows.at(5))
    assert await store.read(executions.by_id, row.id) == row
    assert await take(store) == []


async def test_two_claimers_never_take_the_same_row(store: Store, other: Store) -> None:
    await store.run(fill, [40] * 5, max_parallel=1000)
    taken: list[int] = []

    async def claim_all(claimer: Store) -> None:
        while found := await take(claimer, 7):
            taken.extend(row.id for row in found)

    await asyncio.gather(*(claim_all(each) for each in (store, other) for _ in range(3)))
    assert sorted(taken) == list(range(1, 201))


async def test_a_servers_limit_is_exact_however_many_claim_at_once(store: Store, other: Store) -> None:
    await store.run(fill, [50, 50], max_parallel=7)
    found = await asyncio.gather(*(take(each, 5) for each in (store, other) for _ in range(6)))
    assert Counter(row.server_id for part in found for row in part) == {1: 7, 2: 7}
    assert await store.read(running) == {1: 7, 2: 7}


async def test_what_ends_makes_room_for_as_many(store: Store) -> None:
    await store.run(fill, [10], max_parallel=4)
    first = await take(store)
    assert len(first) == 4
    await store.run(
        lambda conn: [
            tables.change(conn, TaskExecution, {"state": State.FAILED}, table.c.id == row.id) for row in first[:3]
        ]
    )
    assert [row.id for row in await take(store)] == [5, 6, 7]


async def test_a_long_queue_of_one_server_keeps_no_other_waiting(store: Store) -> None:
    long, short = await store.run(fill, [50, 2])
    found = [row.server_id for row in await take(store, 6)]
    assert found == [long, short, long, short, long, long]


async def test_servers_that_are_not_wanted_now_are_left(store: Store) -> None:
    first, second, third = await store.run(fill, [2, 2, 2])
    assert {row.server_id for row in await take(store, skip={first, third})} == {second}
    assert {row.server_id for row in await take(store, skip=())} == {first, third}


async def test_a_disabled_or_deleted_servers_executions_are_taken_to_fail(store: Store) -> None:
    disabled, deleted = await store.run(fill, [1, 1])
    await store.run(servers.update, disabled, {"enabled": False})
    await store.run(servers.delete, deleted, rows.NOON)
    assert {row.server_id for row in await take(store)} == {disabled, deleted}


def model(found: list[TaskExecution], most: dict[int, int], limit: int) -> list[int]:
    """What is to be claimed, said in Python."""
    ranked: list[tuple[int, int]] = []
    for server_id, room in most.items():
        mine = [row for row in found if row.server_id == server_id]
        free = room - sum(row.state == State.RUNNING for row in mine)
        waiting = sorted((row for row in mine if row.state == State.PENDING), key=lambda row: (row.created_by, row.id))
        users = [list(part)[: claims.EACH] for _, part in groupby(waiting, key=lambda row: row.created_by)]
        turns = sorted((nth, row.id) for part in users for nth, row in enumerate(part))
        ranked += [(turn, id) for turn, (_, id) in enumerate(turns) if turn < free]
    return [id for _, id in sorted(ranked)[:limit]]


@pytest.mark.sampled
async def test_any_queue_is_claimed_as_the_model_says(store: Store) -> None:
    cases: list[Any] = []
    queued = st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 2), st.sampled_from([State.PENDING] * 4 + [State.RUNNING, State.FAILED])
        ),
        max_size=60,
    )

    @given(queue=queued, most=st.lists(st.integers(1, 30), min_size=4, max_size=4), limit=st.integers(1, 40))
    @settings(max_examples=choose_count(12, 60), deadline=None, database=None)
    def collect(**case: Any) -> None:
        cases.append(case)

    collect()

    def played(conn: Connection, queue: Any, most: list[int], limit: int) -> tuple[list[int], list[int]]:
        people = [rows.user(conn, name).id for name in ("ada", "grace", "edsger")]
        machines = [rows.server(conn, max_parallel=count).id for count in most]
        for server, user, state in queue:
            rows.pending(conn, server_id=machines[server], created_by=people[user], state=state)
        everything = tables.load_all(conn, select(table).order_by(table.c.id), TaskExecution)
        wanted = model(everything, dict(zip(machines, most, strict=True)), limit)
        return [row.id for row in claims.claim(conn, runner_id="r", at=rows.NOON, limit=limit)], wanted

    def all_played(conn: Connection) -> list[Any]:
        outcomes = []
        for case in cases:
            with conn.begin_nested() as savepoint:
                outcomes.append(played(conn, **case))
                savepoint.rollback()
        return outcomes

    for found, wanted in await store.run(all_played):
        assert found == wanted
