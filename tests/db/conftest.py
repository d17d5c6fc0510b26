"""What the database's tests share: the same store on SQLite and on PostgreSQL, each test with a database of its own."""

from collections.abc import AsyncIterator

import pytest

from db.store import Store, open_store
from tests.support.postgres import postgres
from tests.support.stores import Database, database, template

__all__ = ["database", "postgres", "template"]


@pytest.fixture
async def url(database: Database) -> AsyncIterator[str]:
    async with database() as found:
        yield found


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url)
    yield opened
    await opened.close()
