"""The store keeps its promises on both databases: whole units, durable when answered, reads on one snapshot."""

import asyncio
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from db import users
from db.store import Store, StoreUnavailable, open_store
from db.values import Role
from tests.support import rows
from tests.support.rows import list_user_names
from tests.support.statements import counted

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
WRITERS = 20
WRITER = f"""
import asyncio, sys
from db import users
from db.store import open_store
from tests.support import rows

async def write(store, writer):
    for n in range(1000):
        row = await store.run(rows.user, f"writer-{{writer}}-{{n}}")
        print(row.id, flush=True)

async def main():
    store = await open_store(sys.argv[1])
    await asyncio.gather(*(write(store, n) for n in range({WRITERS})))

asyncio.run(main())
"""


def ids(conn: Connection) -> set[int]:
    return set(conn.scalars(text("SELECT id FROM users")))


def failing(conn: Connection, name: str) -> None:
    rows.user(conn, name)
    raise LookupError(name)


def slowly(conn: Connection, started: threading.Event, name: str) -> None:
    started.set()
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_sleep(0.1)"))
    else:
        time.sleep(0.1)
    rows.user(conn, name)


def at_once(work: Callable[[], Any]) -> None:
    """Do it in another thread while this one waits."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


async def test_a_unit_that_fails_leaves_nothing_and_its_error_arrives_unchanged(store: Store) -> None:
    with pytest.raises(LookupError, match="ada"):
        await store.run(failing, "ada")
    assert await store.read(list_user_names) == []


async def test_a_unit_that_fails_takes_no_other_with_it(store: Store) -> None:
    wanted = [f"user {n}" for n in range(40)]
    units = [store.run(failing if n % 3 == 0 else rows.user, name) for n, name in enumerate(wanted)]
    answers = await asyncio.gather(*units, return_exceptions=True)
    failed = [name for name, answer in zip(wanted, answers, strict=True) if isinstance(answer, LookupError)]
    assert failed == wanted[::3]
    assert sorted(await store.read(list_user_names)) == sorted(set(wanted) - set(failed))


async def test_a_broken_constraint_is_told_to_the_one_who_broke_it(store: Store) -> None:
    async def insert(name: str) -> object:
        return await store.run(users.insert, name=name, password_hash="x", role=Role.VIEWER, at=rows.NOON)

    answers = await asyncio.gather(*(insert(name) for name in ("ada", "ada", "grace")), return_exceptions=True)
    assert [type(answer) for answer in answers].count(IntegrityError) == 1
    assert sorted(await store.read(list_user_names)) == ["ada", "grace"]


async def test_a_reference_to_a_row_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError):
        await store.run(rows.pending, server_id=77)


async def test_no_error_shows_what_was_to_be_stored(store: Store) -> None:
    await store.run(rows.user, "ada")
    with pytest.raises(IntegrityError) as caught:
        await store.run(users.insert, name="ada", password_hash="$argon2id$hidden", role=Role.VIEWER, at=rows.NOON)
    assert "$argon2id$hidden" not in str(caught.value) + repr(caught.value)


async def test_a_read_sees_every_unit_that_was_answered_before(store: Store) -> None:
    for n in range(25):
        await store.run(rows.user, f"user {n}")
        assert len(await store.read(list_user_names)) == n + 1


async def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match="away"):
        await store.read(rows.user, "ada")
    assert await store.read(list_user_names) == []


async def test_a_read_is_one_snapshot(store: Store, url: str) -> None:
    async def write() -> None:
        other = await open_store(url)
        await other.run(rows.user, "ada")
        await other.close()

    def twice(conn: Connection) -> tuple[list[str], list[str]]:
        first = list_user_names(conn)
        at_once(lambda: asyncio.run(write()))
        return first, list_user_names(conn)

    assert await store.read(twice) == ([], [])
    assert await store.read(list_user_names) == ["ada"]


async def test_a_unit_ends_even_if_its_caller_has_gone(store: Store, url: str) -> None:
    started = threading.Event()
    caller = asyncio.create_task(store.run(slowly, started, "ada"))
    await asyncio.to_thread(started.wait) if store.dialect == "sqlite" else await until(started.is_set)
    caller.cancel()
    await asyncio.wait([caller])
    assert caller.cancelled()
    await store.close()
    other = await open_store(url)
    assert await other.read(list_user_names) == ["ada"]
    await other.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of this loop
            await asyncio.sleep(0.002)


async def test_closing_waits_for_the_units_that_were_asked_for(store: Store, url: str) -> None:
    units = [asyncio.create_task(store.run(rows.user, f"user {n}")) for n in range(30)]
    await asyncio.sleep(0)
    await store.close()
    assert {row.name for row in await asyncio.gather(*units)} == {f"user {n}" for n in range(30)}
    other = await open_store(url)
    assert len(await other.read(list_user_names)) == 30
    await other.close()


async def test_a_closed_store_says_so_and_may_be_closed_again(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.run(list_user_names)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.read(list_user_names)


async def test_a_thousand_units_at_once_all_arrive(store: Store) -> None:
    found = await asyncio.gather(*(store.run(rows.user, f"user {n}") for n in range(1000)))
    assert len({row.id for row in found}) == 1000
    assert len(await store.read(list_user_names)) == 1000


async def test_what_was_answered_is_there_after_kill_9(url: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, url, cwd=ROOT, stdout=PIPE)
    answered = await killed_after(process, 300)
    store = await open_store(url)
    assert answered
    assert answered <= await store.read(ids)
    await store.close()


async def killed_after(process: Process, answers: int) -> set[int]:
    """The ids that a writer had been given before it was killed in the middle of its work."""
    assert process.stdout is not None
    found = {int(await process.stdout.readline()) for _ in range(answers)}
    process.kill()
    rest = (await process.stdout.read()).split(b"\n")[:-1]
    await process.wait()
    assert len(found) + len(rest) < WRITERS * 1000
    return found | {int(line) for line in rest}


async def test_statements_can_be_counted(store: Store) -> None:
    await store.read(list_user_names)  # a new connection asks the server about itself
    with counted() as statements:
        await store.run(rows.user, "ada")
        await store.read(list_user_names)
    assert [statement.split()[0] for statement in statements] == ["SELECT", "INSERT", "SELECT"]
    await store.read(list_user_names)
    assert len(statements) == 3
