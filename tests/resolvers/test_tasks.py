"""Tasks: made, changed and deleted, whole or not at all, also by several people at once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from db.page import Window
from db.tasks import TaskFilter
from db.values import Role, State, Trigger
from resolvers import executions, servers, tasks
from resolvers.context import Limits
from resolvers.errors import Conflict, Invalid, NotFound, RateLimited, ScheduleInvalid, ServiceError, TooLarge
from resolvers.inputs import NewTask, RunTask, ServerChange, TaskChange
from resolvers.paging import PageRequest
from runner.cron import schedule
from tests.support.desk import NOON, Desk

pytestmark = pytest.mark.anyio

WHOLE: dict[str, Any] = {
    "name": "nightly 漢字",
    "command": "tar -czf /backup/x.tgz /srv",
    "cron_expr": "30 2 * * *",
    "timezone": "Asia/Shanghai",
    "timeout_seconds": 7,
    "output_limit": 4096,
    "on_output_limit": "truncate",
    "merge_streams": True,
    "env": {"LANG": "C", "_": "line\nbreak"},
    "working_dir": "/srv",
    "run_mode": "attached",
}


async def test_a_task_is_kept_as_it_was_given(desk: Desk) -> None:
    made = (await desk.task(**WHOLE)).task
    row = await tasks.get(desk.viewer, made.id)
    assert {name: getattr(row, name) for name in WHOLE} == WHOLE
    assert (row.server_id, row.enabled, row.created_by) == (1, True, desk.users[Role.OPERATOR].id)
    assert (row.created_at, row.updated_at, row.last_run) == (NOON, NOON, None)
    # Half past two in Shanghai is half past six the evening before.
    assert row.next_run == NOON.replace(hour=18, minute=30)


async def test_what_is_not_given_is_the_services_default(desk: Desk) -> None:
    row = (await desk.task()).task
    assert (row.timezone, row.timeout_seconds, row.output_limit) == ("UTC", 300, 10 * 1024 * 1024)
    assert (row.env, row.working_dir, row.enabled, row.next_run) == ({}, None, True, None)
    assert row.run_mode is None, "the server's"
    assert (row.on_output_limit, row.merge_streams) == ("stop", False)


async def test_once_starts_one_execution_with_the_task(either_desk: Desk) -> None:
    made = await either_desk.task(**WHOLE | {"cron_expr": "@once"})
    (run,) = await either_desk.executions()
    assert made.execution is not None
    assert run.id == made.execution.id
    assert (run.task_id, run.state, run.trigger, run.created_at) == (made.task.id, State.PENDING, Trigger.MANUAL, NOON)
    for name in (WHOLE.keys() | {"server_id"}) - {"name", "cron_expr", "timezone", "run_mode"}:
        assert getattr(run, name) == getattr(made.task, name)
    assert run.mode == "attached"
    assert (await tasks.get(either_desk.viewer, made.task.id)).last_run == NOON
    assert made.task.next_run is None


@pytest.mark.parametrize(
    "changes", [{"cron_expr": "@once", "enabled": False}, {"cron_expr": "@manual"}, {"cron_expr": "* * * * *"}]
)
async def test_nothing_else_starts_anything(desk: Desk, changes: dict[str, Any]) -> None:
    assert (await desk.task(**changes)).execution is None
    assert await desk.executions() == []


async def test_a_task_whose_execution_cannot_wait_is_not_made_either(desk: Desk) -> None:
    full = replace(desk.operator, service=replace(desk.service, limits=Limits(max_pending=1)))
    await executions.run_command(full, desk.command())
    with pytest.raises(RateLimited):
        await tasks.create(full, NewTask(name="a task", command="df", server_id=1, cron_expr="@once"))
    assert await desk.service.store.read(tasks.LISTING.count, TaskFilter()) == 0
    assert len(await desk.executions()) == 1


async def test_a_user_has_so_many_tasks_and_a_deleted_one_makes_room(desk: Desk) -> None:
    limited = replace(desk.service, limits=Limits(max_tasks_per_user=2))
    ada, grace = (replace(desk.as_a(role), service=limited) for role in (Role.OPERATOR, Role.ADMIN))
    new = NewTask(name="a task", command="df", server_id=1, cron_expr="@manual")
    first, _ = [await tasks.create(ada, new) for _ in range(2)]
    with pytest.raises(Conflict, match="2 tasks already"):
        await tasks.create(ada, new)
    await tasks.create(grace, new)
    await tasks.delete(ada, first.task.id)
    await tasks.create(ada, new)


async def test_once_on_a_disabled_server_is_a_conflict_and_a_schedule_is_not(desk: Desk) -> None:
    await servers.update(desk.admin, 1, ServerChange(enabled=False))
    with pytest.raises(Conflict) as caught:
        await desk.task(cron_expr="@once")
    assert caught.value.field == ("server_id",)
    await desk.task(cron_expr="@hourly")


@pytest.mark.parametrize("server_id", [99, 2**63 - 1])
async def test_a_task_needs_a_server_that_is_there(desk: Desk, server_id: int) -> None:
    with pytest.raises(NotFound) as caught:
        await desk.task(server_id=server_id)
    assert caught.value.field == ("server_id",)


BAD: list[tuple[dict[str, Any], str, type[ServiceError]]] = [
    ({"name": ""}, "name", Invalid),
    ({"name": " \t"}, "name", Invalid),
    ({"name": "x" * 101}, "name", Invalid),
    ({"name": "a\0b"}, "name", Invalid),
    ({"name": "a\nb"}, "name", Invalid),
    ({"name": "a\u2028b"}, "name", Invalid),
    ({"name": "\ud800"}, "name", Invalid),
    ({"command": ""}, "command", Invalid),
    ({"command": " \n "}, "command", Invalid),
    ({"command": "echo a\0b"}, "command", Invalid),
    ({"command": "echo \udfff"}, "command", Invalid),
    ({"command": "x" * 65_537}, "command", TooLarge),
    ({"command": "漢" * 21_846}, "command", TooLarge),
    ({"server_id": 0}, "server_id", Invalid),
    ({"server_id": -1}, "server_id", Invalid),
    ({"server_id": 2**63}, "server_id", Invalid),
    ({"cron_expr": ""}, "cron_expr", ScheduleInvalid),
    ({"cron_expr": "61 * * * *"}, "cron_expr", ScheduleInvalid),
    ({"cron_expr": "0 0 31 2 *"}, "cron_expr", ScheduleInvalid),
    ({"cron_expr": "é * * * *"}, "cron_expr", ScheduleInvalid),
    ({"cron_expr": "\ud800"}, "cron_expr", ScheduleInvalid),
    ({"cron_expr": "* " * 60}, "cron_expr", ScheduleInvalid),
    ({"cron_expr": "9" * 5000}, "cron_expr", ScheduleInvalid),
    ({"timezone": ""}, "timezone", Invalid),
    ({"timezone": "../../etc/passwd"}, "timezone", Invalid),
    ({"timezone": "Mars/Olympus"}, "timezone", Invalid),
    ({"timezone": "\ud800"}, "timezone", Invalid),
    ({"timeout_seconds": 0}, "timeout_seconds", Invalid),
    ({"timeout_seconds": 86_401}, "timeout_seconds", Invalid),
    ({"timeout_seconds": 2**70}, "timeout_seconds", Invalid),
    ({"output_limit": 0}, "output_limit", Invalid),
    ({"output_limit": 2**70}, "output_limit", Invalid),
    ({"env": {"lo-wer": "x"}}, "env.lo-wer", Invalid),
    ({"env": {"": "x"}}, "env.", Invalid),
    ({"env": {"A=B": "x"}}, "env.A=B", Invalid),
    ({"env": {"\ud800": "x"}}, "env.?", Invalid),
    ({"env": {"A": "a\0b"}}, "env.A", Invalid),
    ({"env": {"A": "\ud800"}}, "env", Invalid),
    ({"env": {"A": "x" * 32_769}}, "env.A", Invalid),
    ({"env": {f"A{n}": "x" for n in range(101)}}, "env", Invalid),
    ({"working_dir": ""}, "working_dir", Invalid),
    ({"run_mode": "sometimes"}, "run_mode", Invalid),
    ({"on_output_limit": "sometimes"}, "on_output_limit", Invalid),
    ({"run_mode": ""}, "run_mode", Invalid),
    ({"working_dir": "relative"}, "working_dir", Invalid),
    ({"working_dir": "/a\0b"}, "working_dir", Invalid),
    ({"working_dir": "/" + "x" * 4096}, "working_dir", Invalid),
    ({"working_dir": "/\ud800"}, "working_dir", Invalid),
]


@pytest.fixture(params=BAD, ids=lambda case: f"{case[1]} {len(str(case[0]))}")
def bad(request: Any) -> Any:
    return request.param


async def test_a_bad_value_is_refused_by_its_field_in_a_new_task_and_in_a_change(shared_desk: Desk, bad: Any) -> None:
    (given, field, kind), desk = bad, shared_desk
    made = await desk.task(**WHOLE)
    for call in (desk.task(**given), tasks.update(desk.operator, made.task.id, TaskChange(**given))):
        with pytest.raises(kind) as caught:
            await call
        assert ".".join(caught.value.field) == field
        caught.value.text("en").encode()
        assert caught.value.text("zh") != caught.value.text("en")
    assert await tasks.get(desk.viewer, made.task.id) == made.task


async def test_what_is_changed_is_changed_and_nothing_else(desk: Desk) -> None:
    other = await desk.server(name="other")
    changes = WHOLE | {"server_id": other.id, "enabled": False, "cron_expr": "@hourly", "name": "a new name"}
    for name, value in changes.items():
        made = (await desk.task(name=f"for {name}", cron_expr="* * * * *")).task
        desk.clock.forward(1)
        row = await tasks.update(desk.operator, made.id, TaskChange(**{name: value}))
        assert getattr(row, name) == value
        differing = {key for key in made._fields if getattr(row, key) != getattr(made, key)}  # type: ignore[attr-defined]
        follows = ({"enabled", "cron_expr", "timezone"} & {name} and {"next_run"}) or set()
        assert differing - {"name_folded"} <= {name, "updated_at"} | follows
        assert row.updated_at == desk.clock.now


async def test_null_brings_a_default_back(desk: Desk) -> None:
    made = (await desk.task(**WHOLE)).task
    change = TaskChange(timeout_seconds=None, output_limit=None, on_output_limit=None, working_dir=None, run_mode=None)
    row = await tasks.update(desk.operator, made.id, change)
    assert (row.timeout_seconds, row.output_limit, row.working_dir) == (300, 10 * 1024 * 1024, None)
    assert row.on_output_limit == "stop"
    assert row.run_mode is None


async def test_disabling_takes_the_next_run_away_and_enabling_brings_it_back(desk: Desk) -> None:
    made = (await desk.task(cron_expr="0 * * * *")).task
    assert (await tasks.set_enabled(desk.operator, made.id, False)).next_run is None
    desk.clock.forward(7200)
    row = await tasks.set_enabled(desk.operator, made.id, True)
    assert row.next_run == NOON + timedelta(hours=3)


@pytest.mark.parametrize("seconds", [60, 3599])
async def test_saying_again_what_is_so_moves_no_slot(desk: Desk, seconds: int) -> None:
    made = (await desk.task(cron_expr="@every 1h")).task
    desk.clock.forward(seconds)
    row = await tasks.update(desk.operator, made.id, TaskChange(enabled=True, cron_expr="@every 1h", name="renamed"))
    assert row.next_run == made.next_run


async def test_changes_at_once_leave_the_next_run_that_their_outcome_has(either_desk: Desk) -> None:
    made = (await either_desk.task(cron_expr="0 * * * *")).task
    for n in range(15):
        first = TaskChange(cron_expr=f"{n} * * * *", timezone="Asia/Kathmandu" if n % 2 else "UTC")
        second = TaskChange(enabled=n % 3 != 0)
        await asyncio.gather(*(tasks.update(either_desk.operator, made.id, change) for change in (first, second)))
        row = await tasks.get(either_desk.viewer, made.id)
        assert (row.cron_expr, row.enabled) == (first.cron_expr, second.enabled)
        due = schedule.parse(row.cron_expr, timezone=row.timezone).find_next(either_desk.clock.now)
        assert due is not None
        assert row.next_run == (due.at if row.enabled else None)


async def test_a_task_that_is_not_there_is_not_found(desk: Desk) -> None:
    gone = (await desk.task()).task
    await tasks.delete(desk.operator, gone.id)
    for id in (gone.id, 4711):
        for call in (
            tasks.get(desk.viewer, id),
            tasks.update(desk.operator, id, TaskChange(name="x")),
            tasks.set_enabled(desk.operator, id, False),
            tasks.delete(desk.operator, id),
            executions.run_task(desk.operator, RunTask(task_id=id)),
        ):
            with pytest.raises(NotFound):
                await call


@pytest.mark.parametrize("id", [0, -1, 2**63, -(2**70)])
async def test_an_id_that_no_row_can_have_is_invalid(desk: Desk, id: int) -> None:
    for call in (tasks.get(desk.viewer, id), tasks.delete(desk.operator, id)):
        with pytest.raises(Invalid) as caught:
            await call
        assert caught.value.field == ("id",)


async def test_a_deleted_task_leaves_its_history_and_its_name_behind(desk: Desk) -> None:
    made = await desk.task(cron_expr="@once")
    scheduled = (await desk.task(cron_expr="* * * * *")).task
    await tasks.delete(desk.operator, scheduled.id)
    await tasks.delete(desk.operator, made.task.id)
    assert (await tasks.page(desk.viewer, TaskFilter(), PageRequest())).rows == []
    (known, unknown, other) = await tasks.get_many(desk.viewer, [made.task.id, 99, scheduled.id])
    assert (known and known.name, unknown, other and other.next_run) == ("a task", None, None)
    assert [row.task_id for row in await desk.executions()] == [made.task.id]


async def test_of_two_that_delete_a_task_one_does(either_desk: Desk) -> None:
    made = (await either_desk.task()).task
    found = await asyncio.gather(
        *(tasks.delete(either_desk.operator, made.id) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in found) == ["NotFound", "Row"]


async def test_tasks_of_one_name_are_allowed(desk: Desk) -> None:
    for _ in range(2):
        await desk.task(name="twins")
    assert await desk.service.store.read(tasks.LISTING.count, TaskFilter(name_contains="TWINS")) == 2
    assert len(await desk.service.store.read(tasks.LISTING.page, TaskFilter(), Window(limit=10))) == 2
