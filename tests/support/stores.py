"""Stores for tests: a real SQLite database, and one around a real store that can be slow, away, or lose an answer."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import URL, Connection

from db.migrate import migrate, upgrade
from db.sqlite_engine import build_engine
from db.store import Store, StoreUnavailable, open_store
from tests.support.postgres import Postgres

Database = Callable[[], AbstractAsyncContextManager[str]]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of today's schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "sshcast.db"
    asyncio.run(make(path))
    return path


async def make(path: Path) -> None:
    store = await open_store(f"sqlite:///{path}")
    await migrate(store)
    await store.close()


def lay_database(data: Path) -> None:
    """A new database of today's schema for a data folder that has none."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data / "sshcast.db"
    if not path.exists():
        path.write_bytes(migrated())


@cache
def migrated() -> bytes:
    """A SQLite file, made once a process: bringing one to today's schema takes 40 ms."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sshcast.db"
        made = build_engine(URL.create("sqlite", database=str(path)), connections=1)
        with made.connect() as conn:
            upgrade(conn)
        made.dispose()
        return path.read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Gives the URL of a new database of today's schema."""
    return find_database(request, request.param, tmp_path)


def find_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> Database:
    """A new database of a kind, `sqlite` or `postgresql`, with a folder for the one that is a file."""
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        return server.database
    template: Path = request.getfixturevalue("template")
    return lambda: copied(template, folder)


@asynccontextmanager
async def copied(template: Path, folder: Path) -> AsyncIterator[str]:
    path = folder / "sshcast.db"
    shutil.copy(template, path)
    yield f"sqlite:///{path}"


@pytest.fixture
async def both_stores(database: Database) -> AsyncIterator[Store]:
    """For a module that calls it `store`: each of its tests runs on SQLite and on PostgreSQL."""
    async with database() as url:
        opened = await open_store(url)
        yield opened
        await opened.close()


def away() -> StoreUnavailable:
    return StoreUnavailable("taken away by the test")


class Unruly:
    """A real store with an `obstacle`: called with each unit before it runs, it may wait or raise.

    `lose` names units whose answer gets lost once, after they are committed.
    """

    def __init__(self, store: Store) -> None:
        self.real = store
        self.obstacle: Callable[[str], Any] | None = None
        self.lose: set[str] = set()
        self.calls: list[str] = []

    @property
    def dialect(self) -> str:
        return self.real.dialect

    async def run(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await self._meet(fn)
        answer = await self.real.run(fn, *args, **kwargs)
        if fn.__name__ in self.lose:
            self.lose.discard(fn.__name__)
            raise away()
        return answer

    async def read(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await self._meet(fn)
        return await self.real.read(fn, *args, **kwargs)

    async def read_fact(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await self._meet(fn)
        return await self.real.read_fact(fn, *args, **kwargs)

    async def close(self) -> None:
        await self.real.close()

    async def _meet(self, fn: Callable[..., Any]) -> None:
        self.calls.append(fn.__name__)
        if self.obstacle is not None:
            await self.obstacle(fn.__name__)


async def is_away(unit: str) -> None:
    """An obstacle: nothing answers."""
    raise away()


def count_rows(conn: Connection, table: str) -> int:
    return int(conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
