"""How the audit's chain grows on PostgreSQL, where many append: one statement behind the newest event, or a wait.

What is remembered of the newest event is a guess: however wrong it is, the chain has no gap.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from db import audit, claims, migrate, runners
from db.audit import START, Entry, Link
from db.store import Store, open_store
from db.values import AuditKind
from tests.support.postgres import Postgres
from tests.support.rows import at
from tests.support.statements import Traffic, watched
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

EACH = 200


@pytest.fixture
async def stores(postgres: Postgres) -> AsyncIterator[list[Store]]:
    """Two stores on one new database: two processes, for neither knows what the other has appended."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(postgres.database())
        found = [await open_store(url, connections=8) for _ in range(2)]
        for store in found:
            stack.push_async_callback(store.close)
        yield found


class Undo(Exception):
    """Ends a unit that is to be rolled back."""


def entry(number: int = 0) -> Entry:
    return Entry(kind=AuditKind.SIGNED_IN, at=at(0), actor_id=number, actor="ädä", after={"number": number})


def append(conn: Connection, number: int, *, undone: bool = False) -> Link:
    made = audit.append(conn, entry(number))
    if undone:
        raise Undo
    return made


async def count_events(store: Store) -> int:
    """The number of events, in a chain that is intact."""
    found = await store.read(audit.list_after, 0, 10_000)
    assert [event.id for event in found] == list(range(1, len(found) + 1))
    assert audit.find_first_broken(found, (0, START)) is None
    return len(found)


def sent_to_audit(traffic: Traffic) -> list[str]:
    return [statement for statement in traffic.statements if "audit_events" in statement or "advisory" in statement]


async def test_who_appends_alone_sends_one_statement(stores: list[Store]) -> None:
    store, _ = stores
    await store.run(append, 0)
    for number in range(1, 4):
        with watched() as traffic:
            await store.run(append, number)
        assert len(sent_to_audit(traffic)) == 1, traffic.statements
    assert await count_events(store) == 4


def test_no_two_locks_of_a_database_are_the_same() -> None:
    """Else whoever looks for dead runners would keep others from appending, and the other way round."""
    keys = [audit.CHAIN, claims.LOCK, migrate.LOCK, runners.TAKE_OVER_LOCK, runners.SESSION_LOCKS]
    assert len(set(keys)) == len(keys)


async def test_two_events_of_one_transaction_follow_each_other(stores: list[Store]) -> None:
    store, other = stores
    await store.run(append, 0)

    def append_both(conn: Connection) -> list[Link]:
        return [append(conn, 1), append(conn, 2)]

    with watched() as traffic:
        assert [link.id for link in await store.run(append_both)] == [2, 3]
    assert len(sent_to_audit(traffic)) == 2
    assert (await other.run(append, 3)).id == 4
    assert await count_events(store) == 4


async def test_many_of_two_processes_append_at_once_and_some_are_rolled_back(stores: list[Store]) -> None:
    async def append_all(store: Store) -> None:
        units = []
        for number in range(EACH):
            units.append(store.run(append, number))
            if number % 10 == 0:
                units.append(undo(store, number))
        await asyncio.gather(*units)

    async def undo(store: Store, number: int) -> Link:
        with suppress(Undo):
            return await store.run(append, number, undone=True)
        return Link(0, START)

    await asyncio.gather(*map(append_all, stores))
    assert await count_events(stores[0]) == 2 * EACH


async def test_two_processes_append_in_turn(stores: list[Store]) -> None:
    for number in range(10):
        assert (await stores[number % 2].run(append, number)).id == number + 1
    assert await count_events(stores[0]) == 10


async def test_an_event_that_was_rolled_back_is_not_built_upon(stores: list[Store]) -> None:
    store, other = stores
    await store.run(append, 0)
    for number in range(1, 4):
        with pytest.raises(Undo):
            await store.run(append, number, undone=True)
        assert (await store.run(append, number)).id == number + 1
    with pytest.raises(Undo):
        await store.run(append, 9, undone=True)
    assert (await other.run(append, 4)).id == 5
    assert (await store.run(append, 5)).id == 6
    assert await count_events(store) == 6


async def test_an_event_that_a_savepoint_took_back_is_not_built_upon(stores: list[Store]) -> None:
    store, _ = stores
    await store.run(append, 0)

    def append_and_take_back(conn: Connection, *, again: bool) -> None:
        with suppress(Undo), conn.begin_nested():
            append(conn, 1, undone=True)
        if again:
            append(conn, 2)

    await store.run(append_and_take_back, again=True)
    await store.run(append_and_take_back, again=False)
    assert (await store.run(append, 3)).id == 3
    assert await count_events(store) == 3


async def test_an_event_that_a_database_lost_is_not_built_upon(stores: list[Store]) -> None:
    """As after a change to a standby that had not received the newest commits, or another database in its place."""
    store, other = stores
    for number in range(3):
        await store.run(append, number)

    def lose_newest(conn: Connection) -> None:
        conn.execute(text("ALTER TABLE audit_events DISABLE TRIGGER ALL"))
        conn.execute(text("DELETE FROM audit_events WHERE id = 3"))

    await other.run(lose_newest)
    assert (await store.run(append, 3)).id == 3
    await other.run(lose_newest)
    await other.run(append, 5)
    assert (await store.run(append, 6)).id == 4
    assert await count_events(store) == 4


@pytest.mark.parametrize(
    ("appender", "undone", "sent"),
    [
        pytest.param(0, False, 2, id="of the same process"),
        pytest.param(0, True, 4, id="of the same process, rolled back"),
        pytest.param(1, False, 4, id="of another process"),
        pytest.param(1, True, 4, id="of another process, rolled back"),
    ],
)
async def test_who_meets_another_append_waits_for_its_end(
    stores: list[Store], appender: int, undone: bool, sent: int
) -> None:
    """One of the same process knows of the other, and does not try; after the other's end it knows the newest event."""
    for number in range(2):
        await stores[number].run(append, number)
    await stores[0].run(append, 2)
    await stores[1].run(append, 3)
    held, end = asyncio.Event(), asyncio.Event()

    def append_slowly(conn: Connection) -> Link:
        made = append(conn, 4)
        held.set()
        await_only(end.wait())
        if undone:
            raise Undo
        return made

    first = asyncio.create_task(stores[0].run(append_slowly))
    await held.wait()
    with watched() as traffic:
        second = asyncio.create_task(stores[appender].run(append, 5))
        await until(lambda: any("pg_advisory_xact_lock" in statement for statement in traffic.statements))
        end.set()
        found = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(found[0], Undo) is undone
    assert len(sent_to_audit(traffic)) == sent, traffic.statements
    assert await count_events(stores[0]) == (5 if undone else 6)
