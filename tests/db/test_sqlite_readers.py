"""Reads of the SQLite store go through one thread; those behind one that takes long, through others."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from db.sqlite_store import READERS
from db.store import Store, open_store
from tests.support.stores import copied
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

FIRST = "sqlite reader 0"
SHORT_READS = 200


@pytest.fixture
async def store(template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    async with copied(template, tmp_path) as url:
        opened = await open_store(url)
        yield opened
        await opened.close()


class Held:
    """Reads that go on until they are released, one after the other."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.threads: list[str] = []

    def read(self, conn: Connection) -> str:
        self.threads.append(threading.current_thread().name)
        assert self.release.wait(30)
        return read_thread(conn)


def read_thread(conn: Connection) -> str:
    assert conn.scalar(text("SELECT 1")) == 1
    return threading.current_thread().name


async def test_short_reads_take_one_thread_however_many_wait(store: Store) -> None:
    found = await asyncio.gather(*(store.read(read_thread) for _ in range(SHORT_READS)))
    late = [name for name in found if name != FIRST]
    assert len(late) < SHORT_READS / 10, late  # a busy machine may hold up the first thread for a moment


@pytest.mark.parametrize("long_reads", range(1, READERS))
async def test_long_reads_leave_a_thread_to_those_behind_them(store: Store, long_reads: int) -> None:
    held = Held()
    long = [asyncio.create_task(store.read(held.read)) for _ in range(long_reads)]
    await until(lambda: len(held.threads) == long_reads)
    found = await asyncio.wait_for(asyncio.gather(*(store.read(read_thread) for _ in range(SHORT_READS))), 20)
    assert len(found) == SHORT_READS
    assert not {*found} & {*held.threads}
    held.release.set()
    assert {*await asyncio.gather(*long)} == {*held.threads}
    assert await store.read(read_thread) == FIRST  # which is free again


async def test_what_waits_behind_long_reads_in_every_thread_runs_once_one_has_ended(store: Store) -> None:
    held = Held()
    long = [asyncio.create_task(store.read(held.read)) for _ in range(READERS + 2)]
    short = [asyncio.create_task(store.read(read_thread)) for _ in range(5)]
    await until(lambda: len(held.threads) == READERS)
    assert not any(task.done() for task in short)
    held.release.set()
    assert len(await asyncio.gather(*long, *short)) == READERS + 7


async def test_each_of_many_reads_of_any_length_is_answered_once_and_with_its_own_result(store: Store) -> None:
    lengths = random.Random(7)
    calls: list[int] = []

    def read(conn: Connection, number: int, seconds: float) -> int:
        calls.append(number)
        if seconds:
            threading.Event().wait(seconds)
        return number

    async def ask(number: int) -> int:
        await asyncio.sleep(lengths.random() / 10)
        return await store.read(read, number, lengths.choice([0, 0, 0, 0.001, 0.02]))

    assert await asyncio.gather(*(ask(n) for n in range(300))) == [*range(300)]
    assert sorted(calls) == [*range(300)]


async def test_a_store_that_closes_answers_the_reads_that_wait_and_ends_its_threads(store: Store) -> None:
    held = Held()
    long = asyncio.create_task(store.read(held.read))
    await until(lambda: held.threads)
    waiting = [asyncio.create_task(store.read(read_thread)) for _ in range(20)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    await asyncio.wait_for(asyncio.gather(*waiting), 20)
    held.release.set()
    await asyncio.wait_for(asyncio.gather(long, closing), 20)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sqlite reader")]
