"""GET /api/executions, GET /api/executions/{id}, POST /api/executions/{id}/cancel and GET /api/tasks/{id}."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from db import audit
from db.values import AuditKind, Reason, State
from tests.support.rest import Face, Run, face_of, opened
from tests.support.rest_tasks import TASK_FIELDS

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
STATES = (State.SUCCESS, State.FAILED, State.RUNNING, State.SUCCESS)
FIELDS = {
    *("id", "execution_id", "task_id", "server_id", "command", "trigger", "status", "state", "reason", "exit_code"),
    *("exit_signal", "start_time", "end_time", "duration", "truncated", "created_by", "created_at"),
}


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Face, list[int]]]:
    """A service with an execution for each of STATES, which were asked for a minute after another; their ids.

    The first two are of task 1.
    """
    folder = tmp_path_factory.mktemp("executions")
    async with opened(folder) as service, face_of(service, folder) as face:
        task = (await face.create())["id"]
        ids = []
        for number, state in enumerate(STATES):
            at = NOON.replace(minute=number, microsecond=250_000)
            run = await face.run(created_at=at, task_id=task if number < 2 else None)
            if state.is_final:
                await run.end(state)
            ids.append(run.id)
        yield face, ids


@pytest.mark.parametrize(
    ("params", "places"),
    [
        ({}, [3, 2, 1, 0]),
        ({"task_id": "1"}, [1, 0]),
        ({"task_id": "2"}, []),
        ({"server_id": "1"}, [3, 2, 1, 0]),
        ({"server_id": "2"}, []),
        ({"state": "SUCCESS"}, [3, 0]),
        ({"state": "RUNNING"}, [2]),
        ({"created_from": "2026-11-24T12:02:00.25Z"}, [3, 2]),
        ({"created_to": "2026-11-24T12:02:00.25Z"}, [2, 1, 0]),
        ({"created_to": str(int(NOON.timestamp()) + 60)}, [1, 0]),
        ({"task_id": "1", "state": "FAILED", "created_from": "2026-11-24T20:00:00+08:00"}, [1]),
        ({"page": "2", "page_size": "3"}, [0]),
        (dict.fromkeys(("task_id", "server_id", "state", "created_from", "created_to", "page"), ""), [3, 2, 1, 0]),
    ],
)
async def test_filters_and_pages(kept: tuple[Face, list[int]], params: dict[str, str], places: list[int]) -> None:
    face, ids = kept
    answer = await face.ask("GET", "/api/executions", "viewer", params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"list", "total", "page", "page_size"}
    assert [each["id"] for each in body["list"]] == [ids[place] for place in places]
    assert all(set(each) == FIELDS for each in body["list"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("task_id", "0"), ("server_id", "9223372036854775808"), ("state", "success"), ("created_from", "yesterday")),
        *(("created_to", "2026-11-24"), ("page", "0"), ("page_size", "101"), ("status", "1")),
    ],
)
async def test_a_wrong_value_is_named(rest: Face, name: str, value: str) -> None:
    answer = await rest.ask("GET", "/api/executions", params={name: value})
    assert (answer.status_code, answer.json()["field"]) == (400, name)


async def test_an_execution_and_a_task_are_shown_by_their_numbers(kept: tuple[Face, list[int]]) -> None:
    face, ids = kept
    run = (await face.ask("GET", f"/api/executions/{ids[1]}", "viewer")).json()
    assert (run["code"], set(run["data"])) == (200, FIELDS)
    assert (run["data"]["id"], run["data"]["state"], run["data"]["status"]) == (ids[1], "FAILED", 2)
    task = (await face.ask("GET", "/api/tasks/1", "viewer")).json()
    assert (task["code"], set(task["data"])) == (200, TASK_FIELDS)
    assert task["data"] == (await face.ask("GET", "/api/tasks", "viewer")).json()["list"][0]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/tasks/{}"), ("GET", "/api/executions/{}"), ("POST", "/api/executions/{}/cancel")],
)
async def test_a_number_that_is_none_is_400_and_one_that_is_not_there_404(rest: Face, method: str, path: str) -> None:
    for id, status, field in (("abc", 400, "id"), ("0", 400, "id"), (2**63 - 1, 404, None)):
        answer = await rest.ask(method, path.format(id))
        assert (answer.status_code, answer.json().get("field")) == (status, field)
    assert (await rest.ask(method, path.format(1), None)).status_code == 401


async def test_a_pending_execution_is_cancelled_at_once_and_the_audit_has_it(rest: Face) -> None:
    id = (await rest.create(cron_expr="@once"))["execution_id"]
    answer = await rest.ask("POST", f"/api/executions/{id}/cancel", json={})
    body = answer.json()
    assert (answer.status_code, body["code"], body["execution_id"]) == (200, 200, id)
    assert (body["data"]["state"], body["data"]["reason"], body["data"]["status"]) == ("CANCELLED", "CANCELLED", 2)
    events = await rest.service.store.read(audit.list_after, 0, 10_000)
    (event,) = [each for each in events if each.kind == AuditKind.EXECUTION_CANCELLED and each.object_id == id]
    assert event.actor_id == rest.users["operator"].id


async def test_a_running_execution_is_asked_to_stop(rest: Face) -> None:
    run: Run = await rest.run()
    body: dict[str, Any] = (await rest.ask("POST", f"/api/executions/{run.id}/cancel")).json()
    assert body["data"]["state"] == "RUNNING"
    assert (await run.row()).cancel_at is not None
    await run.end(State.CANCELLED, Reason.CANCELLED)


async def test_what_has_ended_is_a_conflict_and_stays_as_it_is(rest: Face) -> None:
    run = await rest.run()
    await run.end()
    answer = await rest.ask("POST", f"/api/executions/{run.id}/cancel")
    assert (answer.status_code, answer.json()["error"]) == (409, "CONFLICT")
    assert (await run.row()).state == State.SUCCESS


async def test_a_viewer_cancels_nothing(rest: Face) -> None:
    run = await rest.run()
    answer = await rest.ask("POST", f"/api/executions/{run.id}/cancel", "viewer")
    assert (answer.status_code, answer.json()["error"]) == (403, "FORBIDDEN")
    assert (await run.row()).cancel_at is None
    await run.end()


async def test_cancelling_takes_no_fields(rest: Face) -> None:
    run = await rest.run()
    answer = await rest.ask("POST", f"/api/executions/{run.id}/cancel", json={"grace": 5})
    assert (answer.status_code, answer.json()["field"]) == (400, "grace")
    assert (await run.row()).cancel_at is None
    await run.end()
