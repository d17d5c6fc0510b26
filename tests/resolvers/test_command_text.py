"""A command's text: its line ends, a first line that chooses the shell, and variables named as POSIX names them."""

from typing import Any

import pytest

from db import tasks as table
from db.audit import AuditFilter
from db.values import AuditKind
from resolvers import audit, commands, executions, tasks
from resolvers.errors import CommandRefused, Invalid
from resolvers.inputs import RunTask, SecretVariable, TaskChange
from resolvers.paging import PageRequest
from runner.admission.decision import PolicySubject
from runner.secrets.secret import Secret
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio

BASH = "#!/bin/bash -eu\nset -o pipefail\ndf -h | tail -1\n"
LINE_ENDS = {
    "df -h\r\nuptime\r\n": "df -h\nuptime\n",
    "df -h\r\r\nuptime": "df -h\nuptime",
    "df -h\ruptime\r": "df -h\nuptime\n",
    "df -h\nuptime\r": "df -h\nuptime",
    "cat <<E\r\nx\r\nE\r\n": "cat <<E\nx\nE\n",
    "df -h\n": "df -h\n",
}


@pytest.mark.parametrize(("given", "kept"), LINE_ENDS.items())
async def test_line_ends_of_any_kind_become_newlines(desk: Desk, given: str, kept: str) -> None:
    task = (await desk.task(command=given)).task
    assert task.command == kept
    assert (await tasks.update(desk.operator, task.id, TaskChange(command=given))).command == kept
    assert (await executions.run_command(desk.operator, desk.command(command=given))).command == kept
    assert (await commands.check_command(desk.viewer, commands.CommandDraft(command=given))).findings == ()


async def test_what_returns_within_a_line_is_refused_still(desk: Desk) -> None:
    with pytest.raises(CommandRefused) as caught:
        await desk.task(command="df -h\necho a\rb\n")
    assert [finding.rule for finding in caught.value.findings] == ["syntax.control-character"]


async def test_what_only_looks_like_a_blank_is_warned_of_and_runs(desk: Desk) -> None:
    row = await executions.run_command(desk.operator, desk.command(command="df\u00a0-h"))
    assert [(each["rule"], each["severity"], each["start"]) for each in row.findings or ()] == [
        ("syntax.look-alike", "warn", 2)
    ]


async def test_a_first_line_chooses_the_shell_of_a_task_and_of_its_runs(either_desk: Desk) -> None:
    desk = either_desk
    created = await desk.task(command=BASH.replace("\n", "\r\n"), cron_expr="@once")
    assert (created.task.shell, created.execution and created.execution.shell) == ("/bin/bash -eu", "/bin/bash -eu")
    run = await executions.run_task(desk.operator, RunTask(task_id=created.task.id))
    adhoc = await executions.run_command(desk.operator, desk.command(command="#!/usr/bin/env ksh\nid"))
    assert (run.shell, adhoc.shell) == ("/bin/bash -eu", "/usr/bin/env ksh")
    assert (await tasks.update(desk.operator, created.task.id, TaskChange(command="df -h"))).shell is None
    assert (await executions.get(desk.viewer, run.id)).shell == "/bin/bash -eu"


async def test_a_task_of_before_keeps_its_shell_until_its_command_is_saved(either_desk: Desk) -> None:
    desk = either_desk
    old = (await desk.task()).task
    await desk.service.store.run(table.update, old.id, {"command": BASH})
    before = PolicySubject.of_task(await tasks.get(desk.viewer, old.id)).digest
    assert (await executions.run_task(desk.operator, RunTask(task_id=old.id))).shell is None
    changed = await tasks.update(desk.operator, old.id, TaskChange(name="renamed", env={"A": "1"}))
    assert changed.shell is None
    saved = await tasks.update(desk.operator, old.id, TaskChange(command=BASH, env={}))
    assert saved.shell == "/bin/bash -eu"
    assert PolicySubject.of_task(saved).digest != before  # what an admin allowed it was for another shell
    events = (await audit.page(desk.admin, AuditFilter(kinds=(AuditKind.TASK_UPDATED,)), PageRequest())).rows
    assert [event.after for event in events if "/bin/bash -eu" in str(event.after)] != []


async def test_a_task_of_before_with_a_line_that_is_refused_now_runs_on(desk: Desk) -> None:
    old = (await desk.task()).task
    command = "#!/usr/bin/python3\ndf -h"
    await desk.service.store.run(table.update, old.id, {"command": command})
    assert (await executions.run_task(desk.operator, RunTask(task_id=old.id))).command == command
    await tasks.set_enabled(desk.operator, old.id, False)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("#!/usr/bin/python3", "only shells are run here"),
        ("#!/bin/bash -i", "only -e, -u, -x and -o pipefail"),
        ("#!/usr/bin/env -S bash -e", "env may have no options"),
    ],
)
async def test_a_first_line_that_is_no_shell_is_refused_by_field_and_reason(desk: Desk, line: str, why: str) -> None:
    old = (await desk.task()).task
    command = f"{line}\r\ndf -h"
    for call in (
        desk.task(command=command),
        tasks.update(desk.operator, old.id, TaskChange(command=command)),
        executions.run_command(desk.operator, desk.command(command=command)),
        commands.check_command(desk.viewer, commands.CommandDraft(command=command)),
    ):
        with pytest.raises(Invalid) as caught:
            await call
        assert caught.value.field == ("command",)
        assert why in caught.value.en
        assert "首行" in caught.value.chinese
    assert await tasks.get(desk.viewer, old.id) == old


async def test_a_command_with_a_shell_is_judged_like_any_other(desk: Desk) -> None:
    with pytest.raises(CommandRefused) as caught:
        await desk.task(command="#!/bin/bash\nsudo reboot")
    assert caught.value.findings[0].line == 2


async def test_a_repeat_under_its_key_finds_a_run_of_before_there_was_a_choice(desk: Desk) -> None:
    wanted = desk.command(command=BASH, idempotency_key="once")
    first = await executions.run_command(desk.operator, wanted)
    assert (await executions.run_command(desk.operator, wanted)).id == first.id


async def test_a_variable_in_small_letters_reaches_the_run(desk: Desk) -> None:
    env = {"http_proxy": "http://192.0.2.1:3128", "_a1": "x"}
    assert (await desk.task(env=env)).task.env == env
    assert (await executions.run_command(desk.operator, desk.command(env=env))).env == env
    secret = SecretVariable(name="api_token", value=Secret("hunter2 hunter2"))
    assert (await desk.task(secret_env=[secret])).task.secret_env == {"api_token": None}


@pytest.mark.parametrize("name", ["1a", "a-b", "a b", "ä", "a\n", ""])
async def test_what_is_no_name_of_a_variable_is_refused_by_it(desk: Desk, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        await desk.task(env={name: "x"})
    assert caught.value.field == ("env", name)


@pytest.mark.parametrize("name", ["LD_PRELOAD", "ld_preload", "Bash_Env", "path"])
async def test_a_refused_variable_is_named_and_its_field_is_the_environments(desk: Desk, name: str) -> None:
    old = (await desk.task()).task
    calls: list[tuple[Any, str]] = [
        (desk.task(env={"LANG": "C", name: "x"}), "env"),
        (tasks.update(desk.operator, old.id, TaskChange(env={name: "x"})), "env"),
        (executions.run_command(desk.operator, desk.command(env={name: "x"})), "env"),
        (desk.task(secret_env=[SecretVariable(name=name, value=Secret("hunter2 hunter2"))]), "secret_env"),
    ]
    for call, field in calls:
        with pytest.raises(CommandRefused) as caught:
            await call
        assert caught.value.field == (field, name)
        assert name in caught.value.en
        assert name in caught.value.chinese
