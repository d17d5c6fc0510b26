"""PUT and DELETE /api/tasks/{id}, POST .../execute, GET .../executions."""

from typing import Any

import pytest

from db import servers
from tests.support.rest import Face
from tests.support.rest_tasks import TASK_FIELDS, count_executions

pytestmark = pytest.mark.anyio

EXECUTION_FIELDS = {
    "id",
    "execution_id",
    "task_id",
    "server_id",
    "command",
    "trigger",
    "status",
    "state",
    "reason",
    "exit_code",
    "exit_signal",
    "start_time",
    "end_time",
    "duration",
    "truncated",
    "created_by",
    "created_at",
}


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": "renamed"}, {"name": "renamed"}),
        ({"command": "uptime"}, {"command": "uptime"}),
        ({"status": 0}, {"status": 0, "next_run": None}),
        ({"cron_expr": "@manual"}, {"cron_expr": "@manual", "next_run": None}),
        ({"name": "both", "status": 0}, {"name": "both", "status": 0, "next_run": None}),
        ({}, {}),
    ],
)
async def test_any_subset_of_the_fields_can_be_changed(
    rest: Face, change: dict[str, Any], shown: dict[str, Any]
) -> None:
    before = (await rest.create(cron_expr="0 3 * * *"))["data"]
    answer = await rest.ask("PUT", f"/api/tasks/{before['id']}", json=change)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"code", "message", "data"}
    assert set(body["data"]) == TASK_FIELDS
    kept = {name: before[name] for name in TASK_FIELDS - {"updated_at"}}
    assert body["data"] == kept | shown | {"updated_at": body["data"]["updated_at"]}
    assert body["data"]["updated_at"] > before["updated_at"]


async def test_a_task_that_is_enabled_again_is_due_again(rest: Face) -> None:
    before = (await rest.create(cron_expr="0 3 * * *"))["data"]
    await rest.ask("PUT", f"/api/tasks/{before['id']}", json={"status": 0})
    again = (await rest.ask("PUT", f"/api/tasks/{before['id']}", json={"status": 1})).json()["data"]
    assert again["next_run"] == before["next_run"]


async def test_a_change_to_once_starts_nothing(rest: Face) -> None:
    id = (await rest.create(cron_expr="0 3 * * *"))["id"]
    assert (await rest.ask("PUT", f"/api/tasks/{id}", json={"cron_expr": "@once"})).status_code == 200
    assert await count_executions(rest, id) == 0


async def test_a_deleted_task_is_gone_for_every_route(rest: Face) -> None:
    id = (await rest.create())["id"]
    answer = await rest.ask("DELETE", f"/api/tasks/{id}")
    assert answer.status_code == 200
    assert answer.json() == {"code": 200, "message": "Task deleted.", "data": {"id": id}}
    for method, path, body in (
        ("DELETE", f"/api/tasks/{id}", None),
        ("PUT", f"/api/tasks/{id}", {"name": "again"}),
        ("POST", f"/api/tasks/{id}/execute", None),
        ("GET", f"/api/tasks/{id}/executions", None),
    ):
        gone = await rest.ask(method, path, json=body)
        assert (gone.status_code, gone.json()["code"], gone.json()["error"]) == (404, 404, "NOT_FOUND"), path


async def test_execute_starts_one_run_and_answers_with_its_handle(rest: Face) -> None:
    id = (await rest.create(name="to run"))["id"]
    answer = await rest.ask("POST", f"/api/tasks/{id}/execute")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"code", "message", "data", "execution_id"}
    assert set(body["data"]) == EXECUTION_FIELDS
    assert body["execution_id"] == body["data"]["id"] == body["data"]["execution_id"]
    assert (body["data"]["task_id"], body["data"]["status"], body["data"]["state"]) == (id, 0, "PENDING")
    assert await count_executions(rest, id) == 1
    listed = (await rest.ask("GET", "/api/tasks", params={"name": "to run"})).json()["list"][0]
    assert listed["last_run"] == body["data"]["created_at"]


async def test_execute_takes_an_empty_object_too(rest: Face) -> None:
    id = (await rest.create())["id"]
    assert (await rest.ask("POST", f"/api/tasks/{id}/execute", json={})).status_code == 200


async def test_execute_refuses_a_disabled_server_as_a_conflict(rest: Face) -> None:
    id = (await rest.create())["id"]
    await rest.service.store.run(servers.update, rest.server.id, {"enabled": False})
    try:
        answer = await rest.ask("POST", f"/api/tasks/{id}/execute")
    finally:
        await rest.service.store.run(servers.update, rest.server.id, {"enabled": True})
    assert answer.status_code == 409
    assert answer.json()["code"] == 409
    assert answer.json()["error"] == "CONFLICT"


async def test_executions_come_newest_first_in_pages(rest: Face) -> None:
    id = (await rest.create())["id"]
    started = [(await rest.ask("POST", f"/api/tasks/{id}/execute")).json()["execution_id"] for _ in range(3)]
    await rest.ask("POST", f"/api/tasks/{(await rest.create())['id']}/execute")
    path = f"/api/tasks/{id}/executions"
    first = (await rest.ask("GET", path, "viewer", params={"page_size": 2})).json()
    second = (await rest.ask("GET", path, "viewer", params={"page_size": 2, "page": 2})).json()
    assert set(first) == {"list", "total", "page", "page_size"}
    assert all(set(item) == EXECUTION_FIELDS for item in first["list"])
    assert [item["id"] for item in first["list"] + second["list"]] == started[::-1]
    assert (first["total"], first["page"], first["page_size"]) == (3, 1, 2)
    assert (second["total"], second["page"], second["page_size"]) == (3, 2, 2)


async def test_a_task_that_never_ran_has_an_empty_list(rest: Face) -> None:
    id = (await rest.create())["id"]
    answer = await rest.ask("GET", f"/api/tasks/{id}/executions")
    assert answer.json() == {"list": [], "total": 0, "page": 1, "page_size": 10}


@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("DELETE", ""), ("POST", "/execute")])
async def test_a_viewer_may_change_and_start_nothing(rest: Face, method: str, path: str) -> None:
    id = (await rest.create(name="kept from viewers"))["id"]
    answer = await rest.ask(method, f"/api/tasks/{id}{path}", "viewer", json={})
    assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (403, 403, "FORBIDDEN")
    assert await count_executions(rest, id) == 0
