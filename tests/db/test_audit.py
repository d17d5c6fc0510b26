"""The audit's chain: whatever is changed in it later shows, on both databases."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from db import audit
from db.audit import START, AuditFilter, Entry
from db.audit_models import AuditEvent
from db.page import Window
from db.store import Store
from db.values import AuditKind, ObjectKind
from tests.support.rows import NOON, at

pytestmark = pytest.mark.anyio

COUNT = 6
BEGINNING = (0, START)
COLUMNS = [column.name for column in audit.audit_events.c]
OTHER: dict[str, Any] = {"id": 99, "object_id": 99, "actor_id": 99, "at": NOON + timedelta(hours=1)}


def entry(number: int, **changes: Any) -> Entry:
    usual: dict[str, Any] = {
        "kind": AuditKind.TASK_UPDATED,
        "at": at(number),
        "actor_id": 7,
        "actor": "ada",
        "address": "192.0.2.1",
        "object_kind": ObjectKind.TASK,
        "object_id": number + 1,
        "before": {"name": "old"},
        "after": {"name": f"neu ü {number}"},
    }
    return Entry(**usual | changes)


def broken(conn: Connection) -> int | None:
    return audit.find_first_broken(audit.list_after(conn, 0, 1000), BEGINNING)


def unseal(conn: Connection) -> None:
    """What somebody with the database's own rights can do."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("ALTER TABLE audit_events DISABLE TRIGGER ALL"))
    else:
        conn.execute(text("DROP TRIGGER audit_events_no_update"))
        conn.execute(text("DROP TRIGGER audit_events_no_delete"))


async def filled(store: Store, *, sealed: bool = False) -> list[AuditEvent]:
    for number in range(COUNT):
        await store.run(audit.append, entry(number))
    if not sealed:
        await store.run(unseal)
    return await store.read(audit.list_after, 0, 1000)


async def test_events_follow_each_other_without_a_gap_each_with_the_hash_of_the_one_before(store: Store) -> None:
    found = await filled(store)
    assert [event.id for event in found] == list(range(1, COUNT + 1))
    assert [event.previous for event in found] == [START, *(event.hash for event in found[:-1])]
    assert len({event.hash for event in found}) == COUNT
    assert await store.read(broken) is None


async def test_the_hash_is_the_same_on_every_database(store: Store) -> None:
    """So a database that is moved keeps its chain."""
    event = await store.run(audit.append, entry(0))
    assert event.hash == "d9e18efc8707c4acad4e6d3c0a162f99d146225efe2177a0a25cf446e5e1eb45"


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_change_of_any_column_of_any_row_shows(store: Store, column: str) -> None:
    def tamper(conn: Connection, id: int) -> None:
        changed = audit.audit_events.update().where(audit.audit_events.c.id == id)
        conn.execute(changed.values(**{column: OTHER.get(column, "x" * 8)}))
        undo(broken(conn))

    await filled(store)
    for id in range(1, COUNT + 1):
        with pytest.raises(Undo) as caught:
            await store.run(tamper, id)
        assert caught.value.found == id


class Undo(Exception):
    """Takes the answer out of a unit of work that is to be rolled back."""

    def __init__(self, found: int | None) -> None:
        self.found = found


def undo(found: int | None) -> None:
    raise Undo(found)


@pytest.mark.parametrize("name", ["actor_id", "actor", "object_kind", "object_id", "before", "after"])
async def test_a_value_that_is_taken_away_shows(store: Store, name: str) -> None:
    await filled(store)
    await store.run(lambda conn: conn.execute(audit.audit_events.update().values(**{name: None})) and None)
    assert await store.read(broken) == 1


async def test_deleting_any_row_but_the_newest_ones_shows_where(store: Store) -> None:
    def delete(conn: Connection, id: int) -> None:
        conn.execute(audit.audit_events.delete().where(audit.audit_events.c.id == id))
        undo(broken(conn))

    await filled(store)
    for id in range(1, COUNT):
        with pytest.raises(Undo) as caught:
            await store.run(delete, id)
        assert caught.value.found == id


async def test_the_newest_rows_can_be_deleted_unseen_but_not_by_who_remembers_the_head(store: Store) -> None:
    before = await filled(store)
    await store.run(lambda conn: conn.execute(text("DELETE FROM audit_events WHERE id > 4")) and None)
    assert await store.read(broken) is None
    head = await store.read(audit.find_head)
    assert head is not None
    assert head.hash != before[-1].hash


async def test_two_rows_that_change_places_show(store: Store) -> None:
    def swap(conn: Connection, first: int, second: int) -> None:
        for old, new in ((first, 100), (second, first), (100, second)):
            conn.execute(text("UPDATE audit_events SET id = :new WHERE id = :old"), {"old": old, "new": new})

    await filled(store)
    await store.run(swap, 2, 5)
    assert await store.read(broken) == 2


async def test_a_row_that_is_put_in_between_shows(store: Store) -> None:
    def forge(conn: Connection) -> None:
        """Linked to the row before it, with a hash that fits: but the next one does not link to it."""
        conn.execute(text("UPDATE audit_events SET id = id + 100 WHERE id > 3"))
        audit.append(conn, entry(50))
        conn.execute(text("UPDATE audit_events SET id = 4 WHERE id > 200"))
        conn.execute(text("UPDATE audit_events SET id = id - 99 WHERE id > 100"))

    await filled(store)
    await store.run(forge)
    assert await store.read(broken) == 4


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events", "DELETE FROM audit_events WHERE id=2"],
)
async def test_the_database_refuses_to_change_or_delete_events(store: Store, statement: str) -> None:
    await filled(store, sealed=True)
    with pytest.raises((DBAPIError, IntegrityError), match="append-only"):
        await store.run(lambda conn: conn.execute(text(statement)) and None)
    assert await store.read(audit.count, AuditFilter()) == COUNT


async def test_many_who_append_at_once_make_one_chain(store: Store) -> None:
    await asyncio.gather(*(store.run(audit.append, entry(number)) for number in range(40)))
    found = await store.read(audit.list_after, 0, 1000)
    assert [event.id for event in found] == list(range(1, 41))
    assert await store.read(broken) is None


async def test_a_unit_that_fails_leaves_neither_an_event_nor_a_gap(store: Store) -> None:
    def fail(conn: Connection) -> None:
        audit.append(conn, entry(0))
        raise ValueError

    await store.run(audit.append, entry(0))
    with pytest.raises(ValueError):
        await store.run(fail)
    assert (await store.run(audit.append, entry(1))).id == 2
    assert await store.read(broken) is None


async def test_the_chain_is_told_in_batches(store: Store) -> None:
    found = await filled(store)
    assert await store.read(audit.list_after, 2, 3) == found[2:5]
    assert audit.find_first_broken(found[2:5], (2, found[1].hash)) is None
    assert audit.find_first_broken(found[3:5], (2, found[1].hash)) == 3


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        (AuditFilter(), [1, 2, 3]),
        (AuditFilter(kinds=("signed-in", "forbidden")), [2, 3]),
        (AuditFilter(kinds=()), []),
        (AuditFilter(actor_id=7), [1, 3]),
        (AuditFilter(object_kind="task"), [1, 3]),
        (AuditFilter(object_kind="task", object_id=3), [3]),
        (AuditFilter(at_from=at(1)), [2, 3]),
        (AuditFilter(at_to=at(1)), [1, 2]),
        (AuditFilter(actor_id=7, at_from=at(2)), [3]),
    ],
)
async def test_events_are_found_by_kind_actor_object_and_time(
    store: Store, filter: AuditFilter, ids: list[int]
) -> None:
    await store.run(audit.append, entry(0))
    await store.run(audit.append, entry(1, kind=AuditKind.SIGNED_IN, actor_id=8, object_kind=ObjectKind.USER))
    await store.run(audit.append, entry(2, kind=AuditKind.FORBIDDEN))
    found = await store.read(audit.page, filter, Window(limit=10))
    assert [event.id for event in found] == ids
    assert await store.read(audit.count, filter) == len(ids)
