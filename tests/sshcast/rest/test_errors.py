"""Every error has the documented shape, in the caller's language, and hides what is ours."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.unavailable import StoreUnavailable
from resolvers.context import Limits
from sshcast.http.answers import catch_errors
from tests.support.rest import Face, face_of, opened

pytestmark = pytest.mark.anyio

SECRET = "postgresql://user:hunter2@db/sshcast"


async def fails(request: Request) -> Response:
    raise RuntimeError(f"cannot reach {SECRET}")


async def loses_the_database(request: Request) -> Response:
    raise StoreUnavailable(f"cannot reach {SECRET}")


ROUTES = (
    Route("/fails", catch_errors(fails)),
    Route("/fails/unguarded", fails),
    Route("/loses", catch_errors(loses_the_database)),
)


@pytest.fixture(scope="module")
async def broken(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Face]:
    folder = tmp_path_factory.mktemp("broken")
    async with opened(folder) as service, face_of(service, folder, more=ROUTES) as found:
        yield found


@pytest.mark.parametrize(
    ("accepted", "message"),
    [
        (None, "name is required."),
        ("", "name is required."),
        ("en", "name is required."),
        ("zh", "name 为必填项。"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "name 为必填项。"),
        ("zh-Hant-TW", "name 为必填项。"),
        ("en-US,en;q=0.9,zh;q=0.8", "name is required."),
        ("en;q=0.5, zh;q=0.9", "name 为必填项。"),
        ("fr, zh;q=0.3", "name 为必填项。"),
        ("fr", "name is required."),
        ("*", "name is required."),
        ("zh;q=0", "name is required."),
        ("zh;q=x, en;q=0.1", "name is required."),
        ("ZH", "name 为必填项。"),
        (",;,=,;q=", "name is required."),
    ],
)
async def test_messages_follow_the_language_that_is_asked_for(rest: Face, accepted: str | None, message: str) -> None:
    headers = {} if accepted is None else {"Accept-Language": accepted}
    answer = await rest.ask("POST", "/api/tasks", json={}, headers=headers)
    assert answer.json()["message"] == message


async def test_what_is_done_is_told_in_chinese_too(rest: Face) -> None:
    body = {"name": "a", "command": "df", "server_id": rest.server.id, "cron_expr": "@manual"}
    answer = await rest.ask("POST", "/api/tasks", json=body, headers={"Accept-Language": "zh"})
    assert answer.json()["message"] == "任务创建成功"


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/task", "/api/tasks/", "/api/tasks/1/", "/api/nothing", "/%00", "/.."]
)
async def test_an_address_that_is_not_there_is_404(rest: Face, path: str) -> None:
    answer = await rest.ask("GET", path)
    assert answer.status_code == 404
    assert answer.json() == {"code": 404, "message": "There is nothing at this address.", "error": "NOT_FOUND"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/tasks", {"GET", "HEAD", "POST"}),
        ("POST", "/api/tasks/1", {"GET", "HEAD", "PUT", "DELETE"}),
        ("GET", "/api/tasks/1/execute", {"POST"}),
        ("POST", "/api/task/1/log", {"GET", "HEAD"}),
        ("GET", "/api/auth/login", {"POST"}),
        ("OPTIONS", "/api/tasks", {"GET", "HEAD", "POST"}),
    ],
)
async def test_a_method_that_is_not_served_is_405(rest: Face, method: str, path: str, allowed: set[str]) -> None:
    answer = await rest.ask(method, path)
    assert answer.status_code == 405
    body = {"code": 405, "message": "This address does not take that method.", "error": "METHOD_NOT_ALLOWED"}
    assert answer.json() == body
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/api/tasks/{}/executions", "/api/task/{}/log"])
async def test_what_does_not_exist_is_404(rest: Face, path: str) -> None:
    answer = await rest.ask("GET", path.format(2**63 - 1))
    assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (404, 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/fails", "/fails/unguarded"])
async def test_an_unexpected_error_is_masked_and_can_be_looked_up(
    broken: Face, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logged, caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        answer = await broken.ask("GET", path)
    body = answer.json()
    assert answer.status_code == 500
    assert set(body) == {"code", "message", "error", "error_id"}
    assert (body["code"], body["error"]) == (500, "INTERNAL")
    assert body["error_id"] in body["message"]
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    (line,) = [line for line in logged if line.get("error_id") == body["error_id"]]
    assert str(line["exc_info"]) == f"cannot reach {SECRET}"


async def test_a_database_that_is_away_is_503(broken: Face) -> None:
    with structlog.testing.capture_logs():
        answer = await broken.ask("GET", "/loses")
    assert answer.status_code == 503
    assert answer.json() == {
        "code": 503,
        "message": "The database cannot be reached: try again shortly.",
        "error": "UNAVAILABLE",
    }


async def test_a_full_queue_is_429_and_says_when_to_come_back(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=Limits(max_pending=1)) as service, face_of(service, tmp_path) as face:
        id = (await face.create(cron_expr="@once"))["id"]
        once = {"name": "b", "command": "df", "server_id": face.server.id, "cron_expr": "@once"}
        answers = [
            await face.ask("POST", f"/api/tasks/{id}/execute"),
            await face.ask("POST", "/api/tasks", json=once),
        ]
        kept = (await face.ask("GET", "/api/tasks")).json()["total"]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (429, 429, "RATE_LIMITED")
        assert int(answer.headers["Retry-After"]) > 0
    assert kept == 1


@pytest.mark.parametrize(
    ("method", "path", "role", "body"),
    [
        ("GET", "/api/tasks", "viewer", None),
        ("GET", "/api/tasks", None, None),
        ("POST", "/api/tasks", "operator", {}),
        ("GET", "/nothing", None, None),
        ("PATCH", "/api/tasks", None, None),
        ("GET", "/healthz", None, None),
    ],
)
async def test_every_answer_forbids_guessing_its_type_and_keeping_it(
    rest: Face, method: str, path: str, role: str | None, body: Any
) -> None:
    answer = await rest.ask(method, path, role, json=body)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "Server" not in answer.headers
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
