"""POST /api/tasks."""

import re

import pytest

from tests.support.rest import Face
from tests.support.rest_tasks import TASK_FIELDS, count_executions

pytestmark = pytest.mark.anyio

UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


async def test_the_answer_has_the_task_and_its_handles_at_both_places(rest: Face) -> None:
    body = await rest.create(name="清理日志", command="find /var/log -mtime +7", cron_expr="@once")
    assert set(body) == {"code", "message", "data", "id", "execution_id"}
    assert set(body["data"]) == TASK_FIELDS | {"execution_id"}
    assert body["code"] == 200
    assert body["message"] == "Task created."
    assert body["id"] == body["data"]["id"]
    assert body["execution_id"] == body["data"]["execution_id"]
    shown = {name: body["data"][name] for name in ("name", "command", "server_id", "cron_expr", "status", "created_by")}
    assert shown == {
        "name": "清理日志",
        "command": "find /var/log -mtime +7",
        "server_id": rest.server.id,
        "cron_expr": "@once",
        "status": 1,
        "created_by": rest.users["operator"].id,
    }


async def test_once_starts_one_execution_at_once_and_is_never_due_again(rest: Face) -> None:
    body = await rest.create(cron_expr="@once")
    assert await count_executions(rest, body["id"]) == 1
    assert isinstance(body["execution_id"], int)
    assert body["data"]["next_run"] is None
    assert UTC_TIME.fullmatch(body["data"]["last_run"])
    log = (await rest.ask("GET", f"/api/task/{body['execution_id']}/log")).json()
    assert log["execution_id"] == body["execution_id"]


async def test_a_cron_expression_registers_the_schedule_and_starts_nothing(rest: Face) -> None:
    body = await rest.create(cron_expr="0 3 * * *")
    assert await count_executions(rest, body["id"]) == 0
    assert body["execution_id"] is None
    assert body["data"]["last_run"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT03:00:00Z", body["data"]["next_run"])


async def test_times_are_rfc_3339_in_utc(rest: Face) -> None:
    data = (await rest.create())["data"]
    assert UTC_TIME.fullmatch(data["created_at"])
    assert UTC_TIME.fullmatch(data["updated_at"])


@pytest.mark.parametrize("field", ["name", "command", "server_id", "cron_expr"])
async def test_every_field_is_required(rest: Face, field: str) -> None:
    wanted = {"name": "a", "command": "df", "server_id": rest.server.id, "cron_expr": "@once"}
    del wanted[field]
    answer = await rest.ask("POST", "/api/tasks", json=wanted)
    assert answer.status_code == 400
    assert answer.json() == {"code": 400, "message": f"{field} is required.", "error": "INVALID", "field": field}


@pytest.mark.parametrize(
    ("field", "longest"), [("name", "n" * 100), ("name", "名" * 100), ("command", "c" * 65_536), ("name", "n")]
)
async def test_values_at_their_bounds_are_accepted(rest: Face, field: str, longest: str) -> None:
    assert (await rest.create(**{field: longest}))["data"][field] == longest


async def test_a_cron_expression_of_fifty_characters_is_accepted(rest: Face) -> None:
    longest = ",".join(map(str, range(17))) + " 10 10 * *"
    assert len(longest) == 50
    assert (await rest.create(cron_expr=longest))["data"]["cron_expr"] == longest


async def test_nothing_is_kept_of_a_task_that_is_refused(rest: Face) -> None:
    wanted = {"name": "refused, so never kept", "command": "df", "server_id": 10**9, "cron_expr": "@once"}
    answer = await rest.ask("POST", "/api/tasks", json=wanted)
    assert answer.status_code == 404
    assert answer.json()["field"] == "server_id"
    listed = await rest.ask("GET", "/api/tasks", params={"name": "refused, so never kept"})
    assert listed.json()["total"] == 0


async def test_a_viewer_may_not_create(rest: Face) -> None:
    wanted = {"name": "a", "command": "df", "server_id": rest.server.id, "cron_expr": "@once"}
    answer = await rest.ask("POST", "/api/tasks", "viewer", json=wanted)
    assert answer.status_code == 403
    assert answer.json()["code"] == 403
    assert answer.json()["error"] == "FORBIDDEN"
