"""Whatever is asked for: it is done, or refused in words for the caller. Never anything else."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.executions import ExecutionFilter
from db.servers import ServerFilter
from db.tasks import TaskFilter
from resolvers import executions, output, servers, sign_in, tasks
from resolvers.errors import ServiceError
from resolvers.inputs import NewCredential, RunTask, ServerChange, TaskChange
from resolvers.paging import PageRequest
from tests.support.desk import Desk, at_a_desk
from tests.support.postgres import Postgres
from tests.support.sampling import choose_count

pytestmark = pytest.mark.sampled()

TRICKY = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff",
    "\n",
    "\u2028",
    "\x7f",
    "%",
    "_",
    "'",
    "é",
    "漢",
    "😀",
    "x" * 300,
    "@once",
]
texts = st.sampled_from(TRICKY) | st.text(st.characters(exclude_categories=()), max_size=40)
ints = st.sampled_from([0, 1, -1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**40]) | st.integers()
flags = st.booleans()
times = st.datetimes(timezones=st.none() | st.timezones())
envs = st.dictionaries(texts, texts, max_size=3)

TASK = {
    "name": texts,
    "command": texts,
    "server_id": ints,
    "cron_expr": texts,
    "timezone": texts,
    "enabled": flags,
    "timeout_seconds": st.none() | ints,
    "output_limit": st.none() | ints,
    "on_output_limit": st.none() | texts,
    "env": envs,
    "working_dir": st.none() | texts,
    "run_mode": st.none() | texts,
}
COMMAND = {
    name: TASK[name]
    for name in ("command", "server_id", "timeout_seconds", "output_limit", "on_output_limit", "env", "working_dir")
}
COMMAND |= {"idempotency_key": st.none() | texts, "wait_seconds": st.sampled_from([0, -1, 10**40, float("nan")])}
SERVER = {
    "name": texts,
    "host": texts,
    "port": ints,
    "username": texts,
    "host_keys": st.lists(texts, max_size=3),
    "host_key_alias": st.none() | texts,
    "legacy_algorithms": st.lists(texts, max_size=3),
    "tags": st.lists(texts, max_size=3),
    "max_parallel": ints,
    "run_mode": texts,
    "credential": st.builds(NewCredential, **{item.name: st.none() | texts for item in fields(NewCredential)}),
}
PAGES = {
    "first": st.none() | ints,
    "after": st.none() | texts,
    "last": st.none() | ints,
    "before": st.none() | texts,
    "page": st.none() | ints,
    "page_size": st.none() | ints,
    "order": st.sampled_from(["id", "name", "created_at"]) | texts,
    "descending": flags,
}
TAG_FILTER = {
    name: st.lists(texts | st.just("prod"), max_size=3).map(tuple) for name in ("tags_all", "tags_any", "tags_none")
}
TASK_FILTER = TAG_FILTER | {
    "server_id": ints,
    "enabled": flags,
    "name": texts,
    "name_contains": texts,
    "last_run_from": times,
    "last_run_to": times,
    "created_by": ints,
}
EXECUTION_FILTER = TAG_FILTER | {
    "reasons": st.lists(texts | st.just("LOST"), max_size=2).map(tuple),
    "exit_codes": st.lists(ints, max_size=2).map(tuple),
    "non_zero": flags,
    "command_contains": texts,
    "start_time_from": times,
    "start_time_to": times,
    "end_time_from": times,
    "end_time_to": times,
    "duration_ms_from": ints,
    "duration_ms_to": ints,
    "states": st.lists(texts | st.just("PENDING"), max_size=2).map(tuple),
    "server_id": ints,
    "task_id": ints,
    "trigger": texts,
    "created_from": times,
    "created_to": times,
    "created_by": ints,
}
SERVER_FILTER = TAG_FILTER | {"name": texts, "name_contains": texts, "enabled": flags, "tag": texts}


WITHOUT_A_FIELD = ("NOT_FOUND", "UNAUTHENTICATED", "RATE_LIMITED")


def some(parts: dict[str, Any]) -> Any:
    """Some of the fields; the others are as usual."""
    return st.fixed_dictionaries({}, optional=parts)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def asked(request: Any, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Asks something of one service: an error must be one that callers are told, and fit to be sent."""
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    with asyncio.Runner() as runner:
        held = AsyncExitStack()
        desk = runner.run(opened(held, template, tmp_path_factory.mktemp("any"), server))
        yield lambda question: runner.run(told(question, desk))
        runner.run(held.aclose())


async def opened(held: AsyncExitStack, template: Path, folder: Path, server: Postgres | None) -> Desk:
    """A service with a task and an execution."""
    settings = {} if server is None else {"database_url": await held.enter_async_context(server.database())}
    desk = await held.enter_async_context(at_a_desk(template, folder, **settings))
    await desk.task(cron_expr="@once")
    return desk


async def told(question: Callable[[Desk], Awaitable[Any]], desk: Desk) -> None:
    refusal = await find_refusal(question, desk)
    if refusal is not None:
        assert refusal.text("en").encode()
        assert refusal.text("zh").encode()
        assert "".join(refusal.field).encode() or refusal.code in WITHOUT_A_FIELD


async def find_refusal(question: Callable[[Desk], Awaitable[Any]], desk: Desk) -> ServiceError | None:
    try:
        await question(desk)
    except ServiceError as error:
        return error
    return None


def many(**strategies: Any) -> Callable[[Any], Any]:
    checks = list(HealthCheck)

    def decorated(test: Any) -> Any:
        return settings(max_examples=choose_count(24, 120), deadline=None, database=None, suppress_health_check=checks)(
            given(**strategies)(test)
        )

    return decorated


@many(new=some(TASK))
def test_a_new_task(asked: Any, new: dict[str, Any]) -> None:
    asked(lambda desk: desk.task(**new))


@many(change=some(TASK), id=ints)
def test_a_change_of_a_task(asked: Any, change: dict[str, Any], id: int) -> None:
    change.pop("server_id", None) if id == 1 else None
    asked(lambda desk: tasks.update(desk.operator, id, TaskChange(**change)))
    asked(lambda desk: tasks.update(desk.operator, 1, TaskChange(**change)))


@many(wanted=some(COMMAND))
def test_a_command(asked: Any, wanted: dict[str, Any]) -> None:
    asked(lambda desk: executions.run_command(desk.operator, desk.command(**wanted)))


@many(id=ints, key=st.none() | texts)
def test_a_run_and_a_cancel(asked: Any, id: int, key: str | None) -> None:
    asked(lambda desk: executions.run_task(desk.operator, RunTask(task_id=id, idempotency_key=key)))
    asked(lambda desk: executions.cancel(desk.operator, id))


@many(new=some(SERVER))
def test_a_new_server_and_a_change_of_one(asked: Any, new: dict[str, Any]) -> None:
    asked(lambda desk: desk.server(**{"name": "another"} | new))
    asked(lambda desk: servers.update(desk.admin, 1, ServerChange(**new)))


@many(filter=some(TASK_FILTER), request=some(PAGES))
def test_a_page_of_tasks(asked: Any, filter: dict[str, Any], request: dict[str, Any]) -> None:
    asked(lambda desk: tasks.page(desk.viewer, TaskFilter(**filter), PageRequest(**request)))
    asked(lambda desk: tasks.page(desk.viewer, TaskFilter(**filter), PageRequest()))


@many(filter=some(EXECUTION_FILTER))
def test_a_page_of_executions(asked: Any, filter: dict[str, Any]) -> None:
    asked(lambda desk: executions.page(desk.viewer, ExecutionFilter(**filter), PageRequest()))


@many(filter=some(SERVER_FILTER))
def test_a_page_of_servers(asked: Any, filter: dict[str, Any]) -> None:
    asked(lambda desk: servers.page(desk.viewer, ServerFilter(**filter), PageRequest()))


@many(id=ints, cursor=st.none() | texts | ints.map(lambda number: f"o{number}"))
def test_an_output(asked: Any, id: int, cursor: str | None) -> None:
    asked(lambda desk: output.read(desk.viewer, id, cursor, 10))
    asked(lambda desk: output.read(desk.viewer, 1, cursor, 10))


@settings(max_examples=choose_count(10, 25), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(name=texts, password=texts)
def test_a_sign_in(asked: Any, name: str, password: str) -> None:
    asked(lambda desk: sign_in.login(desk.as_a(None), name, password))
    asked(lambda desk: sign_in.refresh(desk.as_a(None), name))
    asked(lambda desk: sign_in.exchange_link(desk.as_a(None), name))
