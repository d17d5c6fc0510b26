"""The health routes, on real databases that cannot be read, cannot be written to, or have no room left."""

import asyncio
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from db.migrate import migrate
from db.store import Store, open_store
from db.write_probe import try_write
from sshcast.http import health
from sshcast.http.listener import start_http_server
from tests.support import rows
from tests.support.faults.disk import fill, free, small_disk
from tests.support.postgres import Postgres, postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.anyio

Get = Callable[[str], Awaitable[httpx2.Response]]
READY: dict[str, Any] = {"status": "ok"}
SILENT = {"status": "unavailable", "reason": "the database does not answer"}
NO_WRITES = {"status": "unavailable", "reason": "the database cannot be written to"}
WAIT_SECONDS = 20.0


@asynccontextmanager
async def asking(store: Any) -> AsyncIterator[Get]:
    app = Starlette(routes=health.build_routes(SimpleNamespace(store=store)))  # type: ignore[arg-type]
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with start_http_server(app, listener), httpx2.AsyncClient(timeout=60, base_url=url, verify=False) as client:
        yield client.get


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = await open_store(url)
    await migrate(store)
    yield store
    await store.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(f"sqlite:///{tmp_path / 'health.db'}") as store:
        yield store


@pytest.fixture
async def get(store: Any) -> AsyncIterator[Get]:
    async with asking(store) as get:
        yield get


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found holds for a moment only."""
    monkeypatch.setattr(health, "GOOD_SECONDS", 0.1)
    monkeypatch.setattr(health, "REFUSED_SECONDS", 0.1)


async def comes_to(get: Get, status: int, body: dict[str, Any]) -> None:
    """Ask until it answers so; each answer on the way is a whole one."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        answer = await get("/readyz")
        if (answer.status_code, answer.json()) == (status, body):
            return
        assert answer.json() in (READY, SILENT, NO_WRITES)
        assert time.monotonic() < deadline, f"it stays {answer.text}"
        await asyncio.sleep(0.05)


async def test_a_process_that_answers_is_alive(get: Get) -> None:
    answer = await get("/healthz")
    assert (answer.status_code, answer.json()) == (200, READY)


async def test_it_is_ready_when_the_database_answers_and_takes_writes(get: Get) -> None:
    answer = await get("/readyz")
    assert (answer.status_code, answer.json()) == (200, READY)


async def test_it_is_alive_but_not_ready_when_the_database_does_not_answer(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'nowhere' / 'health.db'}")
    async with asking(store) as get:
        answer = await get("/readyz")
        assert (answer.status_code, answer.json()) == (503, SILENT)
        assert (await get("/healthz")).status_code == 200
    await store.close()


async def test_however_many_ask_there_is_one_write_in_two_seconds_and_the_database_does_not_grow(
    get: Get, tmp_path: Path
) -> None:
    log = tmp_path / "health.db-wal"
    await get("/readyz")
    before = log.stat().st_size
    answers = await asyncio.gather(*(get("/readyz") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert log.stat().st_size - before <= 2 * 4120, "more than two pages were written"


async def test_the_write_that_it_tries_reaches_the_file(store: Store, tmp_path: Path) -> None:
    await store.run(try_write)
    with closing(sqlite3.connect(tmp_path / "health.db")) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    log = tmp_path / "health.db-wal"
    assert log.stat().st_size == 0
    await store.run(try_write)
    assert log.stat().st_size > 0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def test_it_is_not_ready_while_another_program_keeps_the_file_locked(
    get: Get, store: Store, tmp_path: Path
) -> None:
    await store.run(lambda conn: conn.execute(text("PRAGMA busy_timeout=20")))
    with locked(tmp_path / "health.db"):
        answer = await get("/readyz")
        assert (answer.status_code, answer.json()) == (503, NO_WRITES)
    await comes_to(get, 200, READY)


async def test_it_is_not_ready_when_the_file_was_taken_away(get: Get, tmp_path: Path) -> None:
    (tmp_path / "health.db").rename(tmp_path / "moved.db")
    answer = await get("/readyz")
    assert (answer.status_code, answer.json()) == (503, NO_WRITES)
    (tmp_path / "moved.db").rename(tmp_path / "health.db")
    await comes_to(get, 200, READY)


async def test_it_is_not_ready_while_the_disk_is_full(impatient: None, tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", 8) as folder:
        async with opened(f"sqlite:///{folder / 'sshcast.db'}") as store, asking(store) as get:
            await comes_to(get, 200, READY)
            fill(folder)
            await comes_to(get, 503, NO_WRITES)
            free(folder)
            await comes_to(get, 200, READY)
            await store.run(rows.user, "ada")


async def test_it_is_not_ready_while_postgresql_takes_no_writes(impatient: None, postgres: Postgres) -> None:
    async with postgres.database() as url, opened(url) as store, asking(store) as get:
        await comes_to(get, 200, READY)
        await postgres.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            await postgres.execute("SELECT pg_reload_conf()")
            await comes_to(get, 503, NO_WRITES)
            assert (await get("/healthz")).status_code == 200
        finally:
            await postgres.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await postgres.execute("SELECT pg_reload_conf()")
        await comes_to(get, 200, READY)
