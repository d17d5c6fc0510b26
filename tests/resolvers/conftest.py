"""What these tests share: a running service of each test's own, without a runner, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import desk, either_desk, shared_desk
from tests.support.postgres import Postgres, postgres
from tests.support.service import Running, running
from tests.support.stores import template

__all__ = ["desk", "either_desk", "postgres", "shared_desk", "template"]

Database = Callable[[], AbstractAsyncContextManager[dict[str, Any]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Gives the settings of a new database of today's schema."""
    if request.param == "sqlite":
        return in_the_data_folder
    server: Postgres = request.getfixturevalue("postgres")
    return lambda: on(server)


@asynccontextmanager
async def in_the_data_folder() -> AsyncIterator[dict[str, Any]]:
    yield {}


@asynccontextmanager
async def on(server: Postgres) -> AsyncIterator[dict[str, Any]]:
    async with server.database() as url:
        yield {"database_url": url}


@pytest.fixture
async def both(database: Database, tmp_path: Path) -> AsyncIterator[Running]:
    async with database() as settings, running(tmp_path, **settings) as found:
        yield found


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Running]:
    """The same on SQLite alone, for what does not differ."""
    async with running(tmp_path) as found:
        yield found
