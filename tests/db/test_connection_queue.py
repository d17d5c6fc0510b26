"""Few connections: whoever waits gets one in the order of asking, and a server that gives no more fails nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
from sqlalchemy import Connection, text

from db import connection_queue
from db.connection_queue import ConnectionQueue, TooManyConnections
from db.store import StoreUnavailable, open_store
from tests.support import rows
from tests.support.limited_role import LIMIT, limited_database
from tests.support.postgres import Postgres
from tests.support.rows import list_user_names

pytestmark = pytest.mark.anyio


@pytest.fixture
async def limited(postgres: Postgres) -> AsyncIterator[str]:
    async with limited_database(postgres) as url:
        yield url


async def connect() -> None:
    """Always works."""


def slow(conn: Connection, name: str) -> str:
    conn.execute(text("SELECT pg_sleep(0.01)"))
    return rows.user(conn, name).name


async def test_those_who_wait_are_served_in_the_order_of_asking() -> None:
    queue, order = ConnectionQueue(2, 30), list[int]()

    async def hold(number: int) -> None:
        async with queue.acquire(connect):
            order.append(number)
            for _ in range(number % 3):
                await asyncio.sleep(0)

    await asyncio.gather(*(hold(number) for number in range(50)))
    assert order == list(range(50))


async def test_a_wait_is_bounded_and_who_gave_up_takes_no_place() -> None:
    queue = ConnectionQueue(1, 0.05)
    async with queue.acquire(connect):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with queue.acquire(connect):
                    pytest.fail("there is only one")
    async with queue.acquire(connect):
        pass


async def test_who_is_cancelled_while_waiting_loses_nobody_a_place() -> None:
    queue, held = ConnectionQueue(1, 30), asyncio.Event()

    async def hold() -> None:
        async with queue.acquire(connect):
            await held.wait()

    tasks = [asyncio.create_task(hold(), name=f"holder {n}") for n in range(5)]
    await asyncio.sleep(0)
    for task in tasks[1:4]:
        task.cancel()
    held.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in done] == [type(None), *[asyncio.CancelledError] * 3, type(None)]
    async with queue.acquire(connect):
        pass


async def test_a_server_that_gives_fewer_is_asked_for_no_more_until_some_time_has_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue, open_now, most, refusals = ConnectionQueue(10, 30), 0, 3, 0

    async def refuse_beyond() -> None:
        nonlocal open_now, refusals
        if open_now == most:
            refusals += 1
            raise TooManyConnections
        open_now += 1

    async def hold() -> None:
        nonlocal open_now
        async with queue.acquire(refuse_beyond):
            await asyncio.sleep(0)
            open_now -= 1

    await asyncio.gather(*(hold() for _ in range(100)))
    assert 1 <= refusals <= 10
    monkeypatch.setattr(connection_queue, "GROW_SECONDS", 0.0)
    most, refusals = 10, 0
    await asyncio.gather(*(hold() for _ in range(100)))
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await asyncio.wait_for(stack.enter_async_context(queue.acquire(connect)), 5)
    assert refusals == 0


async def test_a_role_with_few_connections_serves_many_units(limited: str) -> None:
    store = await open_store(limited)
    wanted = [f"user {number}" for number in range(60)]
    assert await asyncio.gather(*(store.run(slow, name) for name in wanted)) == wanted
    assert await asyncio.gather(*(store.read(list_user_names) for _ in range(60)))
    await store.close()


async def test_when_others_have_all_connections_one_of_them_is_waited_for(limited: str) -> None:
    others = [await asyncpg.connect(limited) for _ in range(LIMIT)]
    store = await open_store(limited)
    waiting = asyncio.create_task(store.run(rows.user, "ada"), name="waits")
    done, _ = await asyncio.wait([waiting], timeout=0.6)
    assert not done
    await others.pop().close()
    assert (await waiting).name == "ada"
    await store.close()
    for conn in others:
        await conn.close()


async def test_a_wait_that_is_too_long_is_a_database_that_is_away(
    limited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.postgres_store.QUEUE_SECONDS", 0.3)
    others = [await asyncpg.connect(limited) for _ in range(LIMIT)]
    store = await open_store(limited)
    with pytest.raises(StoreUnavailable):
        await store.run(rows.user, "ada")
    await store.close()
    for conn in others:
        await conn.close()
