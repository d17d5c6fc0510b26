"""Fleet tasks in REST: listed only when they are asked for, and started as fleet runs."""

import pytest

from db import fleets
from tests.support.rest import Face
from tests.support.rest_tasks import TASK_FIELDS, add_fleet_task

pytestmark = pytest.mark.anyio


async def test_the_list_has_fleet_tasks_only_when_they_are_asked_for(rest: Face) -> None:
    id = await add_fleet_task(rest)
    plain = (await rest.create())["data"]["id"]
    found = {flag: (await rest.ask("GET", f"/api/tasks{flag}")).json() for flag in ("", "?fleet=false", "?fleet=true")}
    shown = {flag: {each["id"] for each in answer["list"]} for flag, answer in found.items()}
    assert (id in shown[""], id in shown["?fleet=false"], {id, plain} <= shown["?fleet=true"]) == (False, False, True)
    (task,) = [each for each in found["?fleet=true"]["list"] if each["id"] == id]
    assert set(task) == TASK_FIELDS | {"selector"}
    assert (task["server_id"], task["selector"]) == (0, {"name_contains": ""})
    assert found[""]["total"] < found["?fleet=true"]["total"]


async def test_a_flag_that_is_neither_true_nor_false_is_named(rest: Face) -> None:
    answer = await rest.ask("GET", "/api/tasks?fleet=maybe")
    assert (answer.status_code, answer.json()["field"]) == (400, "fleet")


async def test_a_put_may_give_back_the_server_id_0(rest: Face) -> None:
    id = await add_fleet_task(rest)
    answer = await rest.ask("PUT", f"/api/tasks/{id}", json={"server_id": 0, "name": "renamed"})
    shown = answer.json()["data"]
    assert (answer.status_code, shown["name"], shown["server_id"]) == (200, "renamed", 0)
    plain = (await rest.create())["data"]["id"]
    assert (await rest.ask("PUT", f"/api/tasks/{plain}", json={"server_id": 0})).status_code == 400


async def test_execute_starts_a_fleet_run_and_tells_its_first_execution(rest: Face) -> None:
    id = await add_fleet_task(rest)
    answer = (await rest.ask("POST", f"/api/tasks/{id}/execute")).json()
    run = await rest.service.store.read(fleets.by_id, answer["fleet_run_id"])
    assert run is not None
    assert (run.task_id, answer["data"]["fleet_run_id"]) == (id, run.id)
    assert answer["execution_id"] == answer["data"]["execution_id"]
    listed = (await rest.ask("GET", f"/api/tasks/{id}/executions")).json()["list"]
    assert answer["execution_id"] in {each["id"] for each in listed}
