"""What was committed is answered as such, and never done twice, wherever the way to the database is cut."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from db import executions, tasks
from db.executions import ExecutionFilter
from db.tasks import TaskFilter
from resolvers import outcome
from tests.support.commit_cut import Cut, Way, running_over, way
from tests.support.postgres import Postgres
from tests.support.rest import PASSWORD
from tests.support.service import Running

__all__ = ["way"]

pytestmark = pytest.mark.anyio

RUN_COMMAND = """mutation($input: RunCommandInput!) { runCommand(input: $input) {
    execution { id state server { name } } errors { code } } }"""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: what was made, or the code of the error and the key that it names."""

    id: int | None = None
    code: str | None = None
    key: str | None = None
    message: str = ""


Ask = Callable[[Running, str | None], Awaitable[Told]]


async def run_by_graphql(service: Running, key: str | None) -> Told:
    wanted = {"serverId": service.server.id, "command": "df -h", "wait": 1, "idempotencyKey": key}
    body = await service.graphql(RUN_COMMAND, input=wanted)
    payload = body["data"]["runCommand"] if "data" in body else None
    if payload is not None and payload["execution"] is not None:
        return Told(int(payload["execution"]["id"]))
    if payload is not None:
        return Told(code=payload["errors"][0]["code"])
    (error,) = body["errors"]
    extensions = error["extensions"]
    return Told(code=extensions["code"], key=extensions.get("idempotencyKey"), message=error["message"])


async def create_by_rest(service: Running, key: str | None) -> Told:
    wanted = {"name": "a task", "command": "df", "server_id": service.server.id, "cron_expr": "@once"}
    return told(await service.ask("POST", "/api/tasks", json=wanted, headers=header(key)))


async def execute_by_rest(service: Running, key: str | None) -> Told:
    return told(await service.ask("POST", "/api/tasks/1/execute", headers=header(key)))


def header(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Idempotency-Key": key}


def told(answer: Any) -> Told:
    body = answer.json()
    assert answer.status_code == body["code"]
    if answer.status_code == 200:
        return Told(body["execution_id"])
    assert answer.status_code == 503
    return Told(code=body["error"], key=body.get("idempotency_key"), message=body["message"])


@pytest.fixture
async def service(postgres: Postgres, way: Way, tmp_path: Path) -> AsyncIterator[Running]:
    """On a database that is reached over the way, with a task that never ran."""
    async with running_over(way, postgres, tmp_path) as found:
        wanted = {"name": "the first", "command": "df", "server_id": found.server.id, "cron_expr": "@manual"}
        await found.ask("POST", "/api/tasks", json=wanted)
        yield found


async def runs_of(service: Running) -> int:
    return await service.service.store.read(executions.count, ExecutionFilter())


async def tasks_of(service: Running) -> int:
    return await service.service.store.read(tasks.count, TaskFilter())


async def asked_while_cut(service: Running, way: Way, cut: Cut, ask: Ask, key: str | None) -> Told:
    way.cut = cut
    with structlog.testing.capture_logs():
        answer = await ask(service, key)
    assert way.cuts == 1
    return answer


faces = pytest.mark.parametrize("ask", [run_by_graphql, create_by_rest, execute_by_rest])
keys = pytest.mark.parametrize("key", [None, "a key"])


@faces
@keys
async def test_what_is_committed_is_answered_though_the_database_goes_away_at_once(
    service: Running, way: Way, ask: Ask, key: str | None
) -> None:
    way.stays_away = True
    answer = await asked_while_cut(service, way, Cut.ANSWERED, ask, key)
    way.open = True
    assert answer == Told(answer.id)
    assert answer.id is not None
    assert await runs_of(service) == 1


@faces
@keys
@pytest.mark.parametrize("cut", [Cut.UNSENT, Cut.UNANSWERED])
async def test_a_commit_without_an_answer_is_found_or_made_once_the_database_is_back(
    service: Running, way: Way, cut: Cut, ask: Ask, key: str | None
) -> None:
    answer = await asked_while_cut(service, way, cut, ask, key)
    assert answer == Told(answer.id)
    assert answer.id is not None
    assert await runs_of(service) == 1
    assert await tasks_of(service) == (2 if ask is create_by_rest else 1)


@faces
@keys
@pytest.mark.parametrize("cut", [Cut.UNSENT, Cut.UNANSWERED])
async def test_an_outcome_that_stays_unknown_is_told_with_the_key_that_makes_a_repeat_safe(
    service: Running, way: Way, cut: Cut, ask: Ask, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "SECONDS", 0.3)
    way.stays_away = True
    answer = await asked_while_cut(service, way, cut, ask, key)
    assert answer.code == "OUTCOME_UNKNOWN"
    assert answer.key is not None
    assert key in (None, answer.key)
    assert "repeat with this idempotency key" in answer.message
    assert "try again" not in answer.message
    way.open = True
    first, second = await ask(service, answer.key), await ask(service, answer.key)
    assert first == second == Told(first.id)
    assert first.id is not None
    assert await runs_of(service) == 1


@pytest.mark.parametrize("ask", [run_by_graphql, execute_by_rest])
async def test_what_was_certainly_not_stored_may_be_tried_again(service: Running, way: Way, ask: Ask) -> None:
    way.open = False
    way.close_all()
    with structlog.testing.capture_logs():
        answer = await ask(service, None)
    assert answer.code == "UNAVAILABLE"
    way.open = True
    assert await runs_of(service) == 0


async def test_a_change_without_a_key_says_to_look_before_it_is_repeated(service: Running, way: Way) -> None:
    query = 'mutation { updateTask(input: {id: 1, name: "new"}) { task { name } errors { code } } }'
    way.cut = Cut.UNANSWERED
    with structlog.testing.capture_logs():
        (error,) = (await service.graphql(query))["errors"]
    assert error["extensions"] == {"code": "OUTCOME_UNKNOWN"}
    assert "look whether it was before you repeat it" in error["message"]
    way.cut = Cut.UNANSWERED
    with structlog.testing.capture_logs():
        answer = await service.ask("PUT", "/api/tasks/1", json={"name": "newer"}, headers={"Accept-Language": "zh"})
    body = answer.json()
    assert (answer.status_code, body["error"], "idempotency_key" in body) == (503, "OUTCOME_UNKNOWN", False)
    assert body["message"].endswith("重复之前请先查看是否已完成。")


@pytest.mark.parametrize(
    ("mutation", "shown"),
    [
        ('updateTask(input: {id: 1, name: "new"})', ("task", {"name": "new"})),
        ('updateServer(input: {id: 1, name: "new"})', ("server", {"name": "new"})),
        ("pauseTask(input: {id: 1})", ("task", {"name": "the first"})),
        ("resumeTask(input: {id: 1})", ("task", {"name": "the first"})),
        ("cancelExecution(input: {id: 1})", ("execution", {"state": "CANCELLED"})),
    ],
)
async def test_a_change_is_answered_with_what_was_written_though_the_database_goes_away_at_once(
    service: Running, way: Way, mutation: str, shown: tuple[str, dict[str, str]]
) -> None:
    await service.ask("POST", "/api/tasks/1/execute")
    way.stays_away, way.cut = True, Cut.ANSWERED
    name, row = shown
    body = await service.graphql(f"mutation {{ done: {mutation} {{ {name} {{ {' '.join(row)} }} }} }}", "admin")
    assert body["data"] == {"done": {name: row}}
    assert way.cuts == 1
    way.open = True


async def test_a_part_of_the_answer_that_cannot_be_read_is_not_told_as_if_nothing_was_done(
    service: Running, way: Way
) -> None:
    way.stays_away, way.cut = True, Cut.ANSWERED
    query = "mutation { runTask(input: {taskId: 1}) { execution { id task { latestExecution { id } } } } }"
    with structlog.testing.capture_logs():
        body = await service.graphql(query)
    assert body["data"]["runTask"]["execution"] == {"id": "1", "task": None}
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "OUTCOME_UNKNOWN"
    assert "do not repeat the change" in error["message"]
    way.open = True


@pytest.mark.parametrize(
    ("name", "en", "zh"),
    [
        ("login", "sign in again", "请重新登录"),
        ("refresh", "repeat within 10 s, or sign in again", "请在 10 秒内重试，或重新登录"),
        ("logout", "sign out again", "请再次退出"),
    ],
)
async def test_who_signs_in_or_out_is_told_what_to_do_and_may_do_it(
    service: Running, way: Way, name: str, en: str, zh: str
) -> None:
    given = {"username": "the.operator", "password": PASSWORD}
    tokens = (await service.ask("POST", "/api/auth/login", None, json=given)).json()["data"]
    sent = {"login": {"json": given}, "refresh": {"json": {"refresh_token": tokens["refresh_token"]}}}.get(name, {})
    for language, sentence in (("en", en), ("zh", zh)):
        way.cut = Cut.UNSENT
        headers = {"Authorization": f"Bearer {tokens['access_token']}", "Accept-Language": language}
        answer = await service.ask("POST", f"/api/auth/{name}", None, headers=headers, **sent)
        assert (answer.status_code, answer.json()["error"]) == (503, "OUTCOME_UNKNOWN")
        assert sentence in answer.json()["message"]
    way.cut = Cut.UNANSWERED
    assert (await service.ask("POST", f"/api/auth/{name}", None, headers=headers, **sent)).status_code == 503
    repeated = await service.ask("POST", f"/api/auth/{name}", None, headers=headers, **sent)
    assert repeated.status_code == (401 if name == "logout" else 200)
