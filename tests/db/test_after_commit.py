"""What a unit wants done after its commit: done once where it was committed, and never where it was not."""

import asyncio
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, text

from db.after_commit import call_after_commit
from db.store import Store
from tests.support import rows
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


def add(conn: Connection, done: list[Any], number: int, *, fails: bool = False) -> int:
    """Add a user, and have `number` noted once that is committed."""
    rows.user(conn, f"user {number}")
    call_after_commit(conn, partial(done.append, number))
    if fails:
        raise ValueError(number)
    return number


async def test_it_is_done_by_the_time_the_caller_goes_on(store: Store) -> None:
    done: list[int] = []
    assert await store.run(add, done, 1) == 1
    assert done == [1]


async def test_it_is_not_done_for_a_unit_that_was_rolled_back_also_among_others_of_one_commit(store: Store) -> None:
    done: list[int] = []
    units = (store.run(add, done, number, fails=number % 3 == 0) for number in range(30))
    answers = await asyncio.gather(*units, return_exceptions=True)
    assert sum(isinstance(answer, ValueError) for answer in answers) == 10
    assert sorted(done) == [number for number in range(30) if number % 3]


async def test_it_is_done_too_where_the_caller_went_away_before_the_commit(store: Store) -> None:
    done: list[int] = []
    await asyncio.gather(*(store.run(add, done, number) for number in range(3)))
    leaving = asyncio.create_task(store.run(add, done, 3))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    await store.run(add, done, 4)
    await until(lambda: len(done) == 5)  # on PostgreSQL each has a connection of its own
    assert sorted(done) == [0, 1, 2, 3, 4]


async def test_what_only_reads_does_nothing_afterwards(store: Store) -> None:
    done: list[int] = []
    await store.read(lambda conn: call_after_commit(conn, partial(done.append, 1)))
    await store.run(lambda conn: conn.execute(text("SELECT 1")))
    assert done == []
