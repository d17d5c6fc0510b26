"""What the policy refuses is neither kept nor run, and limits are the service's or the caller's within them."""

from typing import Any

import pytest

from db import tasks as table
from db.tasks import TaskFilter
from resolvers import commands, executions, tasks
from resolvers.context import Limits
from resolvers.errors import CommandRefused, Invalid
from resolvers.inputs import RunTask, TaskChange
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio

REFUSED = "sudo reboot"


async def refused(call: Any) -> None:
    with pytest.raises(CommandRefused) as caught:
        await call
    error = caught.value
    assert (error.code, error.field) == ("COMMAND_REFUSED", ("command",))
    assert error.findings
    assert error.findings[0].rule in error.text("en")
    assert error.text("zh").startswith("命令策略")


async def test_a_refused_command_is_not_kept(desk: Desk) -> None:
    await refused(desk.task(command=REFUSED))
    assert await desk.service.store.read(table.count, TaskFilter()) == 0
    made = (await desk.task()).task
    await refused(tasks.update(desk.operator, made.id, TaskChange(command=REFUSED, name="other")))
    assert await tasks.get(desk.viewer, made.id) == made


async def test_a_refused_command_is_not_run(desk: Desk) -> None:
    await refused(executions.run_command(desk.operator, desk.command(command=REFUSED)))
    assert await desk.executions() == []


async def test_a_task_that_was_kept_under_milder_rules_is_not_run(desk: Desk) -> None:
    made = (await desk.task()).task
    await desk.service.store.run(table.update, made.id, {"command": REFUSED})
    await refused(executions.run_task(desk.operator, RunTask(task_id=made.id)))
    await refused(tasks.update(desk.operator, made.id, TaskChange(env={"A": "1"})))
    await tasks.update(desk.operator, made.id, TaskChange(name="still there"))
    assert await desk.executions() == []


async def test_a_run_says_which_rules_let_it_through(desk: Desk) -> None:
    row = await executions.run_command(desk.operator, desk.command())
    assert row.policy_version == desk.service.policy.version


LIMITS = Limits(default_timeout_seconds=7, max_timeout_seconds=9, default_output_limit=70, max_output_limit=90)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((None, None, None), (7, 70, "stop")),
        ((1, 1, "stop"), (1, 1, "stop")),
        ((9, 90, "truncate"), (9, 90, "truncate")),
    ],
)
def test_limits_are_the_services_unless_asked_for(asked: Any, found: tuple[int, int, str]) -> None:
    names = ("timeout_seconds", "output_limit", "on_output_limit")
    assert commands.apply_limits(LIMITS, *asked) == dict(zip(names, found, strict=True))


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ((0, 1, None), "timeout_seconds"),
        ((10, 1, None), "timeout_seconds"),
        ((1, 91, None), "output_limit"),
        ((1, 1, "keep"), "on_output_limit"),
    ],
)
def test_limits_beyond_the_services_are_refused_by_name(asked: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        commands.apply_limits(LIMITS, *asked)
    assert caught.value.field == (field,)
