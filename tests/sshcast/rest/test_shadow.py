"""REST shows a task in shadow as one that its schedule does not start, and adopts none."""

from datetime import timedelta

import pytest

from db import tasks as table
from db.schedule_mode import ScheduleMode
from db.values import Role
from resolvers import tasks
from resolvers.context import Context, Viewer
from resolvers.inputs import TaskChange
from tests.support.rest import Face

pytestmark = pytest.mark.anyio


async def put_in_shadow(rest: Face, mode: ScheduleMode = ScheduleMode.SHADOW) -> int:
    """The number of a new task, due each day."""
    id: int = (await rest.create(cron_expr="0 3 * * *"))["data"]["id"]
    user = rest.users["operator"]
    viewer = Viewer(user.id, user.name, Role.OPERATOR, rest.service.clock() + timedelta(hours=1), user.token_version)
    await tasks.update(Context(rest.service, viewer), id, TaskChange(schedule_mode=mode))
    return id


async def list_ids(rest: Face, status: int) -> set[int]:
    found = (await rest.ask("GET", "/api/tasks", params={"status": status, "page_size": 100})).json()
    return {task["id"] for task in found["list"] if task["status"] == status}


async def test_a_task_in_shadow_has_the_status_0_and_no_next_run(rest: Face) -> None:
    id, active = await put_in_shadow(rest), await put_in_shadow(rest, ScheduleMode.ACTIVE)
    shown = (await rest.ask("GET", f"/api/tasks/{id}")).json()["data"]
    assert (shown["status"], shown["next_run"]) == (0, None)
    found = {status: await list_ids(rest, status) & {id, active} for status in (0, 1)}
    assert found == {0: {id}, 1: {active}}


async def test_what_the_list_shows_of_a_task_in_shadow_changes_nothing_when_it_is_sent_back(rest: Face) -> None:
    id = await put_in_shadow(rest)
    answer = await rest.ask("PUT", f"/api/tasks/{id}", json={"status": 0, "name": "renamed"})
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, 0)
    row = await rest.service.store.read(table.by_id, id)
    assert row is not None
    assert (row.enabled, row.schedule_mode, row.name) == (True, "shadow", "renamed")


async def test_a_task_in_shadow_is_not_adopted_by_its_status(rest: Face) -> None:
    id = await put_in_shadow(rest)
    answer = await rest.ask("PUT", f"/api/tasks/{id}", json={"status": 1})
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (409, "CONFLICT", "status")
    assert f"updateTask(input: {{id: {id}, scheduleMode: ACTIVE}})" in answer.json()["message"]


async def test_a_task_in_shadow_is_run_by_hand(rest: Face) -> None:
    answer = await rest.ask("POST", f"/api/tasks/{await put_in_shadow(rest)}/execute")
    assert (answer.status_code, answer.json()["data"]["trigger"]) == (200, "manual")
