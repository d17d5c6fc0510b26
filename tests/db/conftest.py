"""What the database's tests share: the same store on SQLite and on PostgreSQL, each test with a database of its own."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from db.store import Store, open_store
from tests.support.postgres import Postgres, postgres
from tests.support.stores import template

__all__ = ["postgres", "template"]

Database = Callable[[], AbstractAsyncContextManager[str]]
DatabaseOf = Callable[[str, Path], Database]


@pytest.fixture(scope="session")
def database_of(request: pytest.FixtureRequest, template: Path) -> DatabaseOf:
    """Databases of a kind, with a folder for the one that is a file."""

    def found(kind: str, folder: Path) -> Database:
        if kind == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            return server.database
        return lambda: copied(template, folder)

    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, database_of: DatabaseOf, tmp_path: Path) -> Database:
    """Gives the URL of a new database of today's schema."""
    return database_of(request.param, tmp_path)


@asynccontextmanager
async def copied(template: Path, folder: Path) -> AsyncIterator[str]:
    shutil.copy(template, folder / "sshcast.db")
    yield f"sqlite:///{folder / 'sshcast.db'}"


@pytest.fixture
async def url(database: Database) -> AsyncIterator[str]:
    async with database() as found:
        yield found


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url)
    yield opened
    await opened.close()
