"""Executions: asked for once however often it is said, cancelled, and waited for."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from db.executions import ExecutionFilter
from db.values import Role, State, Trigger
from resolvers import executions, servers, tasks
from resolvers.context import Limits
from resolvers.errors import Conflict, Invalid, NotFound, RateLimited, ServiceError, TooLarge
from resolvers.inputs import RunCommand, RunTask, ServerChange, TaskChange
from resolvers.paging import PageRequest
from runner.bus import EXECUTIONS, PENDING, execution_address
from tests.support.desk import NOON, Desk
from tests.support.statements import counted

pytestmark = pytest.mark.anyio


async def run(desk: Desk, task_id: int, **more: Any) -> Any:
    return await executions.run_task(desk.operator, RunTask(task_id=task_id, **more))


async def test_a_task_is_run_as_it_stands(desk: Desk) -> None:
    own = {"env": {"A": "1"}, "working_dir": "/srv", "timeout_seconds": 9, "output_limit": 99, "run_mode": "attached"}
    task = (await desk.task(**own)).task
    desk.clock.forward(5)
    row = await run(desk, task.id)
    assert (row.task_id, row.command, row.env, row.working_dir) == (task.id, "df -h", {"A": "1"}, "/srv")
    assert (row.timeout_seconds, row.output_limit, row.server_id, row.mode) == (9, 99, 1, "attached")
    assert (row.state, row.trigger, row.created_by) == (State.PENDING, Trigger.MANUAL, desk.users[Role.OPERATOR].id)
    assert row.created_at == desk.clock.now
    assert (await tasks.get(desk.viewer, task.id)).last_run == desk.clock.now


async def test_a_command_is_run_without_a_task(desk: Desk) -> None:
    row = await executions.run_command(desk.operator, desk.command(env={"A": "1"}))
    assert (row.task_id, row.command, row.env, row.trigger) == (None, "df -h", {"A": "1"}, Trigger.API)
    assert (row.timeout_seconds, row.output_limit) == (300, 10 * 1024 * 1024)
    assert row.policy_version is not None


async def test_the_runner_and_the_watchers_are_woken(desk: Desk) -> None:
    with desk.service.bus.watch(PENDING) as runner, desk.service.bus.watch(EXECUTIONS) as watcher:
        await executions.run_command(desk.operator, desk.command())
        assert runner.is_set
        assert watcher.is_set


BAD: list[tuple[dict[str, Any], str, type[ServiceError]]] = [
    ({"server_id": 0}, "server_id", Invalid),
    ({"server_id": 2**63}, "server_id", Invalid),
    ({"server_id": 99}, "server_id", NotFound),
    ({"command": ""}, "command", Invalid),
    ({"command": "a\0b"}, "command", Invalid),
    ({"command": "\ud800"}, "command", Invalid),
    ({"command": "x" * 65_537}, "command", TooLarge),
    ({"timeout_seconds": 0}, "timeout_seconds", Invalid),
    ({"output_limit": -1}, "output_limit", Invalid),
    ({"env": {"a-b": "x"}}, "env", Invalid),
    ({"working_dir": "x"}, "working_dir", Invalid),
    ({"idempotency_key": ""}, "idempotency_key", Invalid),
    ({"idempotency_key": "x" * 129}, "idempotency_key", Invalid),
    ({"idempotency_key": "a\0b"}, "idempotency_key", Invalid),
    ({"idempotency_key": "\ud800"}, "idempotency_key", Invalid),
    ({"wait_seconds": -1}, "wait", Invalid),
    ({"wait_seconds": 61}, "wait", Invalid),
    ({"wait_seconds": float("nan")}, "wait", Invalid),
]


@pytest.mark.parametrize(("given", "field", "kind"), BAD)
async def test_a_bad_value_is_refused_by_its_field(
    shared_desk: Desk, given: dict[str, Any], field: str, kind: type[ServiceError]
) -> None:
    with pytest.raises(kind) as caught:
        await executions.run_command(shared_desk.operator, shared_desk.command(**given))
    assert caught.value.field[0] == field
    assert await shared_desk.executions() == []


async def test_nothing_is_run_on_a_server_that_is_disabled_or_deleted(desk: Desk) -> None:
    task = (await desk.task()).task
    await servers.update(desk.admin, 1, ServerChange(enabled=False))
    for error in (Conflict, NotFound):
        for call in (executions.run_command(desk.operator, desk.command()), run(desk, task.id)):
            with pytest.raises(error) as caught:
                await call
            assert caught.value.field == ("server_id",)
        if error is Conflict:
            await servers.delete(desk.admin, 1)
    assert await desk.executions() == []


async def test_the_same_key_finds_the_same_execution(desk: Desk) -> None:
    task = (await desk.task()).task
    first = await run(desk, task.id, idempotency_key="key")
    desk.clock.forward(60)
    again = await run(desk, task.id, idempotency_key="key")
    assert again == first
    assert (await tasks.get(desk.viewer, task.id)).last_run == NOON
    other = await run(desk, task.id, idempotency_key="another key")
    assert other.id != first.id


async def test_the_same_key_many_times_at_once_is_one_execution(either_desk: Desk) -> None:
    task = (await either_desk.task()).task
    found = await asyncio.gather(*(run(either_desk, task.id, idempotency_key="key") for _ in range(20)))
    assert {row.id for row in found} == {1}
    commands = (
        executions.run_command(either_desk.operator, either_desk.command(idempotency_key="other")) for _ in range(20)
    )
    assert len({row.id for row in await asyncio.gather(*commands)}) == 1
    assert len(await either_desk.executions()) == 2


async def test_a_key_still_finds_its_execution_when_the_world_has_changed(either_desk: Desk) -> None:
    task = (await either_desk.task()).task
    first = await run(either_desk, task.id, idempotency_key="key")
    ended = await either_desk.claimed()
    await either_desk.finish(ended)
    await tasks.update(either_desk.operator, task.id, TaskChange(command="uptime"))
    assert (await run(either_desk, task.id, idempotency_key="key")).state == State.SUCCESS
    await servers.update(either_desk.admin, 1, ServerChange(enabled=False))
    assert (await run(either_desk, task.id, idempotency_key="key")).id == first.id
    await tasks.delete(either_desk.operator, task.id)
    assert (await run(either_desk, task.id, idempotency_key="key")).id == first.id


async def test_a_key_of_something_else_is_a_conflict(desk: Desk) -> None:
    first, second = (await desk.task()).task, (await desk.task()).task
    await run(desk, first.id, idempotency_key="key")
    for call in (
        run(desk, second.id, idempotency_key="key"),
        executions.run_command(desk.operator, desk.command(idempotency_key="key")),
    ):
        with pytest.raises(Conflict) as caught:
            await call
        assert caught.value.field == ("idempotency_key",)
    await executions.run_command(desk.operator, desk.command(idempotency_key="other"))
    for changes in ({"env": {"A": "1"}}, {"command": "uptime"}, {"timeout_seconds": 1}, {"working_dir": "/"}):
        with pytest.raises(Conflict):
            await executions.run_command(desk.operator, desk.command(idempotency_key="other", **changes))
    assert len(await desk.executions()) == 2


async def test_one_users_key_is_not_anothers(desk: Desk) -> None:
    wanted = desk.command(idempotency_key="key")
    mine = await executions.run_command(desk.operator, wanted)
    theirs = await executions.run_command(desk.admin, wanted)
    assert mine.id != theirs.id


async def test_past_the_limit_nothing_more_may_wait(desk: Desk) -> None:
    ctx = replace(desk.operator, service=replace(desk.service, limits=Limits(max_pending=3)))
    for n in range(3):
        await executions.run_command(ctx, desk.command(idempotency_key=f"key {n}"))
    with pytest.raises(RateLimited) as caught:
        await executions.run_command(ctx, desk.command())
    assert caught.value.extensions["retryAfterSeconds"] == 10
    assert (await executions.run_command(ctx, desk.command(idempotency_key="key 1"))).id == 2
    await desk.claimed()
    await executions.run_command(ctx, desk.command())


async def test_neither_one_user_nor_one_server_takes_the_whole_queue(desk: Desk) -> None:
    other = await desk.server(name="another server")
    limited = replace(desk.service, limits=Limits(max_pending_per_user=2, max_pending_per_server=3))
    ada, grace = (replace(desk.as_a(role), service=limited) for role in (Role.OPERATOR, Role.ADMIN))
    for _ in range(2):
        await executions.run_command(ada, desk.command())
    with pytest.raises(RateLimited, match="2 executions of yours wait"):
        await executions.run_command(ada, desk.command(server_id=other.id))
    await executions.run_command(grace, desk.command())
    with pytest.raises(RateLimited, match="3 executions wait for this server"):
        await executions.run_command(grace, desk.command())
    await executions.run_command(grace, desk.command(server_id=other.id))


async def test_an_answer_may_wait_for_the_end(desk: Desk) -> None:
    wanted = asyncio.create_task(executions.run_command(desk.operator, desk.command(wait_seconds=60)))
    while not await desk.executions():  # noqa: ASYNC110 - what is waited for is a row
        await asyncio.sleep(0)
    await desk.finish(await desk.claimed())
    assert (await wanted).state == State.SUCCESS


async def test_a_row_that_its_writer_publishes_is_answered_without_reading_it(desk: Desk) -> None:
    store = desk.service.store
    wanted = asyncio.create_task(executions.run_command(desk.operator, desk.command(wait_seconds=60)))
    while not await desk.executions():  # noqa: ASYNC110 - what is waited for is a row
        await asyncio.sleep(0)
    await desk.claimed()
    await store.run(lambda conn: conn.exec_driver_sql("UPDATE task_executions SET state = 'SUCCESS'").close())
    (row,) = await desk.executions()
    with counted() as found:
        desk.service.bus.publish(execution_address(row.id), row)
        assert (await wanted).state == State.SUCCESS
    assert found == []


async def test_an_answer_waits_no_longer_than_was_asked_for(desk: Desk) -> None:
    row = await executions.run_command(desk.operator, desk.command(wait_seconds=0.05))
    assert row.state == State.PENDING


async def test_cancelling_what_waits_what_runs_and_what_has_ended(either_desk: Desk) -> None:
    waiting = await executions.run_command(either_desk.operator, either_desk.command())
    assert (await executions.cancel(either_desk.operator, waiting.id)).state == State.CANCELLED
    await executions.run_command(either_desk.operator, either_desk.command())
    running = await either_desk.claimed()
    asked = await executions.cancel(either_desk.operator, running.id)
    assert (asked.state, asked.cancel_at) == (State.RUNNING, NOON)
    assert (await executions.cancel(either_desk.operator, running.id)).cancel_at == NOON
    await either_desk.finish(running)
    for id in (waiting.id, running.id):
        with pytest.raises(Conflict, match="has ended already"):
            await executions.cancel(either_desk.operator, id)
    with pytest.raises(NotFound):
        await executions.cancel(either_desk.operator, 4711)


async def test_executions_are_found_and_listed(desk: Desk) -> None:
    task = (await desk.task(cron_expr="@once")).task
    await executions.run_command(desk.operator, desk.command())
    assert (await executions.get(desk.viewer, 1)).task_id == task.id
    assert [row and row.id for row in await executions.get_many(desk.viewer, [2, 99, 1])] == [2, None, 1]
    assert [row and row.id for row in await executions.list_latest_of_tasks(desk.viewer, [99, task.id])] == [None, 1]
    found = await executions.page(desk.viewer, ExecutionFilter(task_id=task.id), PageRequest())
    assert [row.id for row in found.rows] == [1]
    per_task = await executions.load_pages_of_tasks(desk.viewer, [task.id, 99], ExecutionFilter(), PageRequest())
    assert [[row.id for row in each.rows] for each in per_task] == [[1], []]
    with pytest.raises(NotFound):
        await executions.get(desk.viewer, 4711)
    with pytest.raises(Invalid):
        await executions.get(desk.viewer, 2**63)


async def test_asking_twice_without_a_key_runs_twice(desk: Desk) -> None:
    found = [await executions.run_command(desk.operator, RunCommand(server_id=1, command="df -h")) for _ in range(2)]
    assert found[0].id != found[1].id
