"""What is SQLite's own: its settings on every connection, the group commit, locks and full disks."""

import asyncio
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from db.sqlite_store import READERS
from db.store import Store, StoreOutcomeUnknown, StoreUnavailable, open_store
from tests.support import rows
from tests.support.rows import list_user_names
from tests.support.stores import copied

pytestmark = pytest.mark.anyio

SETTINGS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


@pytest.fixture
async def store(template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    async with copied(template, tmp_path) as url:
        opened = await open_store(url)
        yield opened
        await opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sshcast.db"


def settings(conn: Connection) -> dict[str, Any]:
    return {name: conn.scalar(text(f"PRAGMA {name}")) for name in (*SETTINGS, "query_only")}


def impatient(conn: Connection) -> None:
    """From now on the writer waits only a moment for a lock."""
    conn.execute(text("PRAGMA busy_timeout=20"))


def pages(conn: Connection) -> int:
    return int(conn.scalar(text("PRAGMA page_count")) or 0)


def grow_to(conn: Connection, most: int) -> None:
    conn.execute(text(f"PRAGMA max_page_count={most}"))


def big(conn: Connection) -> None:
    rows.pending(conn, command="x" * 1_000_000)


@contextmanager
def held(path: Path) -> Any:
    """Another process's lock on the database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def behind(store: Store, *units: Any) -> list[Any]:
    """The answers of units that all waited while the writer was busy, and so were committed as one group."""
    started, gate = threading.Event(), threading.Event()

    def wait(conn: Connection) -> None:
        started.set()
        gate.wait(10)

    busy = asyncio.create_task(store.run(wait))
    await asyncio.to_thread(started.wait)
    waiting = [asyncio.create_task(store.run(*unit)) for unit in units]
    await asyncio.sleep(0)
    gate.set()
    await busy
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_every_connection_has_the_settings_that_durability_needs(store: Store) -> None:
    together = threading.Barrier(READERS)

    def looked(conn: Connection) -> dict[str, Any]:
        together.wait(5)
        return settings(conn)

    found = await asyncio.gather(*(store.read(looked) for _ in range(READERS)))
    assert found == [SETTINGS | {"query_only": 1}] * READERS
    assert await store.run(settings) == SETTINGS | {"query_only": 0}


async def test_units_that_wait_share_one_commit(store: Store) -> None:
    commits: list[Connection] = []
    note = commits.append
    event.listen(Engine, "commit", note)
    try:
        answers = await behind(store, *((rows.user, f"user {n}") for n in range(200)))
    finally:
        event.remove(Engine, "commit", note)
    assert len({answer.id for answer in answers}) == 200
    assert len(commits) == 2


async def test_a_unit_that_fails_in_a_group_is_rolled_back_alone(store: Store) -> None:
    def fails(conn: Connection) -> None:
        rows.user(conn, "nobody")
        raise LookupError

    answers = await behind(store, (rows.user, "ada"), (fails,), (rows.user, "grace"))
    assert [getattr(answer, "name", type(answer)) for answer in answers] == ["ada", LookupError, "grace"]
    assert await store.read(list_user_names) == ["ada", "grace"]


async def test_a_lock_held_too_long_is_told_and_the_writer_goes_on(store: Store, path: Path) -> None:
    await store.run(impatient)
    with held(path):
        with pytest.raises(StoreUnavailable) as caught:
            await store.run(rows.user, "ada")
        assert "locked" in str(caught.value.__cause__)
        assert await store.read(list_user_names) == []
    await store.run(rows.user, "grace")
    assert await store.read(list_user_names) == ["grace"]


async def test_a_full_disk_fails_the_group_as_one_and_the_writer_goes_on(store: Store) -> None:
    await store.run(rows.user, "ada")
    await store.run(grow_to, await store.read(pages) + 20)
    answers = await behind(store, (rows.user, "grace"), (big,), (rows.user, "edsger"))
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    assert await store.read(list_user_names) == ["ada"]
    await store.run(grow_to, 1_000_000)
    await store.run(big)


async def test_a_disk_that_fails_at_a_commit_leaves_the_outcome_unknown(store: Store, path: Path) -> None:
    await store.run(rows.user, "ada")
    before, log = resource.getrlimit(resource.RLIMIT_FSIZE), path.with_name(f"{path.name}-wal")

    def let_no_file_grow(conn: Connection) -> None:
        rows.user(conn, "grace")
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, before[1]))

    try:
        with pytest.raises(StoreOutcomeUnknown):
            await store.run(let_no_file_grow)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert await store.read(list_user_names) == ["ada"]
    await store.run(rows.user, "edsger")


class Grave(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize("error", [Grave, MemoryError, GeneratorExit])
async def test_no_error_of_a_unit_ends_the_writer(store: Store, error: type[BaseException]) -> None:
    def fails(conn: Connection) -> None:
        raise error

    future = asyncio.ensure_future(store.run(fails))
    await asyncio.wait([future])
    assert isinstance(future.exception(), error)
    await store.run(rows.user, "ada")


async def test_two_stores_on_one_file_take_turns(store: Store, path: Path) -> None:
    other = await open_store(f"sqlite:///{path}")
    await asyncio.gather(*(each.run(rows.user, f"{n} of {id(each)}") for n in range(100) for each in (store, other)))
    assert len(await other.read(list_user_names)) == 200
    await other.close()


async def test_a_folder_that_is_not_there_is_a_database_that_is_away(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'nowhere' / 'sshcast.db'}")
    with pytest.raises(StoreUnavailable):
        await store.run(list_user_names)
    with pytest.raises(StoreUnavailable):
        await store.read(list_user_names)
    await store.close()


async def test_a_file_that_is_no_database_is_not_said_to_be_away(tmp_path: Path) -> None:
    (tmp_path / "poem.db").write_text("It was many and many a year ago, in a kingdom by the sea. " * 100)
    store = await open_store(f"sqlite:///{tmp_path / 'poem.db'}")
    with pytest.raises(Exception, match="not a database"):
        await store.read(list_user_names)
    await store.close()
