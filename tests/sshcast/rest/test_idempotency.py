"""`Idempotency-Key`: the same key and contents give the first answer again, other contents 409."""

import asyncio
from typing import Any

import httpx2
import pytest

from db import executions, tasks
from db.executions import ExecutionFilter
from db.tasks import TaskFilter
from tests.support.rest import Face

pytestmark = pytest.mark.anyio


async def create(rest: Face, key: str, role: str = "operator", **changes: Any) -> httpx2.Response:
    wanted = {"name": key, "command": "df -h", "server_id": rest.server.id, "cron_expr": "@once"}
    return await rest.ask("POST", "/api/tasks", role, json=wanted | changes, headers={"Idempotency-Key": key})


async def execute(rest: Face, id: int, key: str) -> httpx2.Response:
    return await rest.ask("POST", f"/api/tasks/{id}/execute", headers={"Idempotency-Key": key})


async def made(rest: Face, name: str) -> int:
    return await rest.service.store.read(tasks.count, TaskFilter(name_contains=name))


async def runs(rest: Face, task_id: int) -> int:
    return await rest.service.store.read(executions.count, ExecutionFilter(task_id=task_id))


async def test_the_same_key_and_contents_give_the_first_task_and_its_run_again(rest: Face) -> None:
    first, again = await create(rest, "create 1"), await create(rest, "create 1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert await made(rest, "create 1") == 1
    assert await runs(rest, first.json()["id"]) == 1


async def test_of_many_at_once_with_the_same_key_one_creates(rest: Face) -> None:
    answers = await asyncio.gather(*(create(rest, "create 2") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({(answer.json()["id"], answer.json()["execution_id"]) for answer in answers}) == 1
    assert await made(rest, "create 2") == 1


@pytest.mark.parametrize("changes", [{"command": "df"}, {"cron_expr": "@manual"}, {"name": "another"}])
async def test_the_same_key_with_other_contents_is_a_conflict(rest: Face, changes: dict[str, str]) -> None:
    key = f"create 3 {changes}"
    first = await create(rest, key)
    answer = await create(rest, key, **changes)
    body = answer.json()
    assert (answer.status_code, body["code"], body["error"]) == (409, 409, "CONFLICT")
    assert body["field"] == "idempotency_key"
    assert await made(rest, key) == 1
    assert (await create(rest, key)).json() == first.json()


async def test_a_key_is_its_users_own(rest: Face) -> None:
    first, others = await create(rest, "create 4"), await create(rest, "create 4", "admin", command="df")
    assert (first.status_code, others.status_code) == (200, 200)
    assert first.json()["id"] != others.json()["id"]


async def test_a_refused_creation_takes_no_key(rest: Face) -> None:
    assert (await create(rest, "create 5", cron_expr="never")).status_code == 400
    assert (await create(rest, "create 5", command="sudo ls")).status_code == 400
    assert (await create(rest, "create 5")).status_code == 200


async def test_a_task_that_was_changed_or_deleted_since_is_still_the_one_that_was_made(rest: Face) -> None:
    first = (await create(rest, "create 6")).json()
    await rest.ask("PUT", f"/api/tasks/{first['id']}", json={"command": "uptime"})
    assert (await create(rest, "create 6")).json()["id"] == first["id"]
    await rest.ask("DELETE", f"/api/tasks/{first['id']}")
    assert (await create(rest, "create 6")).json()["id"] == first["id"]


async def test_without_a_key_each_request_is_its_own(rest: Face) -> None:
    assert len({(await rest.create(name="the same"))["id"] for _ in range(2)}) == 2


async def test_executing_under_the_same_key_gives_the_first_run_again(rest: Face) -> None:
    id = (await rest.create())["id"]
    first, again = await execute(rest, id, "execute 1"), await execute(rest, id, "execute 1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert (await execute(rest, id, "execute 2")).json()["execution_id"] != first.json()["execution_id"]
    assert await runs(rest, id) == 2


async def test_executing_another_task_under_the_same_key_is_a_conflict(rest: Face) -> None:
    id, other = (await rest.create())["id"], (await rest.create())["id"]
    assert (await execute(rest, id, "execute 3")).status_code == 200
    answer = await execute(rest, other, "execute 3")
    assert (answer.status_code, answer.json()["error"]) == (409, "CONFLICT")
    assert await runs(rest, other) == 0


@pytest.mark.parametrize("key", ["", "x" * 129, "a\tb"])
async def test_a_key_that_is_none_is_refused_by_name(rest: Face, key: str) -> None:
    for answer in (await create(rest, key, name="a name"), await execute(rest, 1, key)):
        assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


async def test_two_keys_at_once_are_refused(rest: Face) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), *rest.as_user("operator").items()]
    answer = await rest.http.post("/api/tasks/1/execute", headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")
