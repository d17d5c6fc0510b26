"""The health routes."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from db.migrate import migrate
from db.store import open_store
from sshcast import health
from sshcast.listener import serving

pytestmark = pytest.mark.anyio

Get = Callable[[str], Awaitable[httpx2.Response]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Any]:
    store = await open_store(f"sqlite:///{tmp_path / 'health.db'}")
    yield store
    await store.close()


@pytest.fixture
async def get(store: Any) -> AsyncIterator[Get]:
    app = Starlette(routes=health.ROUTES)
    app.state.service = SimpleNamespace(store=store)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with serving(app, listener), httpx2.AsyncClient(base_url=url, verify=False) as client:
        yield client.get


async def test_a_process_that_answers_is_alive(get: Get) -> None:
    answer = await get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_when_the_database_answers(get: Get, store: Any) -> None:
    await migrate(store)
    answer = await get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_alive_but_not_ready_when_the_database_does_not(get: Get) -> None:
    answer = await get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "reason": "the database does not answer"}
    assert (await get("/healthz")).status_code == 200
