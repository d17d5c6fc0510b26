"""A real PostgreSQL goes away under the service, and comes back."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from db.migrate import migrate
from db.store import open_store
from tests.support import postgres
from tests.support.rest import Face, face_of, opened
from tests.support.rest_reading import NDJSON, following, ndjson

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[tuple[ExitStack, Face]]:
    """The running PostgreSQL, to be stopped, and the service on it."""
    with ExitStack() as running:
        server = running.enter_context(postgres.running(tmp_path / "postgres"))
        store = await open_store(server.url("postgres"))
        await migrate(store)
        try:
            async with opened(tmp_path) as service, face_of(replace(service, store=store), tmp_path) as face:
                yield running, face
        finally:
            await store.close()


async def test_every_route_answers_503_while_it_is_away_and_works_again_after(
    cluster: tuple[ExitStack, Face], tmp_path: Path
) -> None:
    running, face = cluster
    id = (await face.create())["id"]
    signed, port = face.as_user("operator"), face.service.store.url.ports[0]  # type: ignore[attr-defined]
    wanted = {"name": "a", "command": "df", "server_id": face.server.id, "cron_expr": "@once"}
    requests = [
        ("GET", "/api/tasks", None),
        ("POST", "/api/tasks", wanted),
        ("PUT", f"/api/tasks/{id}", {"name": "b"}),
        ("POST", f"/api/tasks/{id}/execute", None),
        ("GET", "/api/task/1/log", None),
        ("GET", "/api/task/1/log?follow=true", None),
        ("GET", "/api/auth/profile", None),
        ("POST", "/api/auth/login", {"username": "the.viewer", "password": "x"}),
    ]
    running.close()
    with structlog.testing.capture_logs():
        for method, path, body in requests:
            answer = await face.http.request(method, path, json=body, headers=signed)
            assert (answer.status_code, answer.json()["code"]) == (503, 503), path
            assert answer.json()["error"] == "UNAVAILABLE"
    assert (await face.http.get("/readyz")).status_code == 503
    with postgres.running(tmp_path / "postgres", port=port):
        assert (await face.ask("GET", "/api/tasks")).json()["total"] == 1
        assert (await face.http.get("/readyz")).status_code == 200


async def test_a_stream_says_503_when_it_goes_away(cluster: tuple[ExitStack, Face]) -> None:
    running, face = cluster
    run = await face.run()
    with structlog.testing.capture_logs():
        async with following(face, run, NDJSON) as answer:
            events = ndjson(answer)
            assert (await anext(events))["event"] == "state"
            running.close()
            rest = [event async for event in events]
    assert [(event["event"], event["code"], event["error"]) for event in rest] == [("error", 503, "UNAVAILABLE")]
