"""Policies that admins keep for servers and tasks: what they let through, to whom, and what becomes of it."""

import json
from typing import Any

import pytest

from db import audit as audit_table
from db import executions as execution_table
from db.executions import ExecutionFilter
from db.page import Window
from db.policies import PolicyFilter
from db.values import AuditKind
from resolvers import commands, executions, policies, tasks
from resolvers.commands import CommandDraft
from resolvers.errors import CommandRefused, Forbidden, Invalid, NotFound
from resolvers.inputs import RunTask, SecretVariable, TaskChange
from resolvers.paging import PageRequest
from resolvers.policies import PolicyChange
from runner.secrets.secret import Secret
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio

DD = "dd if=disk.img of=copy.img"
RULE = """
["site.no-restarts"]
severity = "deny"
en = "Restarts are done by the night shift."
zh = "重启由夜班负责。"
when = [{ program = "systemctl", first = 'restart' }]
"""
RESTART = "systemctl restart app"


async def ran(desk: Desk, command: str, **changes: Any) -> bool:
    """Whether an operator may run it."""
    try:
        await executions.run_command(desk.operator, desk.command(command=command, **changes))
    except CommandRefused:
        return False
    return True


async def test_what_an_admin_allows_a_server_runs_there_and_nowhere_else(desk: Desk) -> None:
    other = await desk.server(name="other")
    await policies.set_for_server(desk.admin, 1, PolicyChange(allow=["fs.dd"]))

    assert await ran(desk, DD)
    assert not await ran(desk, DD, server_id=other.id)
    assert not await ran(desk, "sudo id")
    await policies.set_for_server(desk.admin, 1, PolicyChange())
    assert not await ran(desk, DD)


async def test_what_an_admin_forbids_a_server_is_refused_to_admins_too(desk: Desk) -> None:
    made = (await desk.task(command=RESTART)).task
    await policies.set_for_server(desk.admin, 1, PolicyChange(extra=RULE))

    assert not await ran(desk, RESTART)
    with pytest.raises(CommandRefused) as caught:
        await executions.run_task(desk.admin, RunTask(task_id=made.id))
    assert "site.no-restarts" in caught.value.en
    assert "夜班" in caught.value.text("zh")


async def test_a_command_is_allowed_word_for_word(desk: Desk) -> None:
    await policies.set_for_server(desk.admin, 1, PolicyChange(commands=[f" {DD} "]))

    assert await ran(desk, DD)
    assert not await ran(desk, DD + " bs=1M")
    assert not await ran(desk, DD, working_dir="/srv")
    assert not await ran(desk, DD, env={"A": "1"})


async def test_what_a_task_is_allowed_ends_with_any_change_of_what_it_runs(desk: Desk) -> None:
    made = (await desk.task(command="ls /srv", env={"A": "1"}, working_dir="/srv")).task
    await desk.server(name="other")
    await policies.set_for_task(desk.admin, made.id, PolicyChange(allow=["*"]))

    for change in ({"command": DD}, {"command": DD, "working_dir": None}):
        with pytest.raises(CommandRefused):
            await tasks.update(desk.operator, made.id, TaskChange(**change))
    for name, value in {"env": {"A": "2"}, "working_dir": "/", "server_id": 2, "command": "ls"}.items():
        await policies.set_for_task(desk.admin, made.id, PolicyChange(allow=["*"]))
        (held,) = await policies.load_for_tasks(desk.viewer, [made.id])
        assert held is not None
        assert policies.is_in_force(held, await tasks.get(desk.viewer, made.id))
        changed = await tasks.update(desk.operator, made.id, TaskChange(**{name: value}))  # type: ignore[arg-type]
        assert not policies.is_in_force(held, changed)


async def test_a_task_may_run_what_it_was_allowed_and_no_other_task_may(desk: Desk) -> None:
    made = (await desk.task()).task
    await policies.set_for_server(desk.admin, 1, PolicyChange(allow=["fs.dd"]))
    await tasks.update(desk.operator, made.id, TaskChange(command=DD))
    other = (await desk.task(command=DD)).task
    await policies.set_for_task(desk.admin, made.id, PolicyChange(allow=["fs.dd"]))
    await policies.set_for_server(desk.admin, 1, PolicyChange())

    row = await executions.run_task(desk.operator, RunTask(task_id=made.id))
    assert [(item["rule"], item["severity"]) for item in row.findings or ()] == [("fs.dd", "warn")]
    with pytest.raises(CommandRefused):
        await executions.run_task(desk.operator, RunTask(task_id=other.id))
    await tasks.update(desk.operator, made.id, TaskChange(name="renamed"))
    await executions.run_task(desk.operator, RunTask(task_id=made.id))


async def test_of_a_tasks_secrets_the_names_count_and_are_part_of_what_it_is_allowed_for(desk: Desk) -> None:
    made = (
        await desk.task(command="$TOOL status", secret_env=[SecretVariable(name="TOOL", value=Secret("service"))])
    ).task
    await policies.set_for_server(desk.admin, 1, PolicyChange(mode="strict"))
    with pytest.raises(CommandRefused):
        await executions.run_task(desk.operator, RunTask(task_id=made.id))

    held = await policies.set_for_task(desk.admin, made.id, PolicyChange(allow=["dynamic.*"]))
    draft = CommandDraft(command="$TOOL status", task_id=made.id)
    assert (await commands.check_command(desk.viewer, draft)).is_allowed
    await executions.run_task(desk.operator, RunTask(task_id=made.id))
    change = TaskChange(
        secret_env=[
            SecretVariable(name="TOOL", value=Secret("service")),
            SecretVariable(name="B", value=Secret("something")),
        ]
    )
    with pytest.raises(CommandRefused):
        await tasks.update(desk.operator, made.id, change)
    assert policies.is_in_force(held, await tasks.get(desk.viewer, made.id))
    with pytest.raises(CommandRefused):
        await desk.task(secret_env=[SecretVariable(name="LD_PRELOAD", value=Secret("./x.so.6"))])


async def test_moving_a_task_to_a_stricter_server_is_refused(desk: Desk) -> None:
    other = await desk.server(name="other")
    await policies.set_for_server(desk.admin, other.id, PolicyChange(mode="strict"))
    made = (await desk.task(command="$TOOL status")).task

    with pytest.raises(CommandRefused):
        await tasks.update(desk.operator, made.id, TaskChange(server_id=other.id))


@pytest.mark.parametrize(
    ("server", "task", "command", "allowed"),
    [
        (None, None, "$TOOL x", True),
        ("strict", None, "$TOOL x", False),
        (None, "strict", "$TOOL x", False),
        ("strict", "standard", "$TOOL x", False),
        ("strict", "audit", "$TOOL x", False),
        ("audit", None, "sudo id", True),
        ("audit", "standard", "sudo id", False),
        (None, "audit", "sudo id", False),
    ],
)
async def test_a_servers_mode_replaces_the_services_and_a_tasks_only_tightens_it(
    desk: Desk, server: str | None, task: str | None, command: str, allowed: bool
) -> None:
    made = (await desk.task(command="ls")).task
    await policies.set_for_server(desk.admin, 1, PolicyChange(mode=server))
    await policies.set_for_task(desk.admin, made.id, PolicyChange(mode=task))

    verdict = await commands.check_command(desk.viewer, CommandDraft(command=command, task_id=made.id))
    assert verdict.is_allowed is allowed


async def test_a_run_keeps_which_versions_judged_it_and_what_they_found(desk: Desk) -> None:
    first = await policies.set_for_server(desk.admin, 1, PolicyChange(mode="audit"))
    await ran(desk, "sudo id")
    await ran(desk, "ls")
    second = await policies.set_for_server(desk.admin, 1, PolicyChange(mode="strict", extra=RULE))
    await ran(desk, "ls -l")

    found = {row.command: row for row in await desk.executions()}
    assert [found[command].server_policy_id for command in ("sudo id", "ls", "ls -l")] == [first.id] * 2 + [second.id]
    (finding,) = found["sudo id"].findings or []
    assert (finding["rule"], finding["severity"], finding["text"]) == ("privilege.sudo", "deny", "sudo id")
    page = await policies.page(desk.admin, PolicyFilter(server_id=1), PageRequest(descending=True))
    assert [(row.id, row.mode) for row in page.rows] == [(second.id, "strict"), (first.id, "audit")]
    flagged = await desk.service.store.read(execution_table.page, ExecutionFilter(has_findings=True), Window(10))
    assert [row.command for row in flagged] == ["sudo id"]


async def test_the_same_policy_again_is_no_new_version(desk: Desk) -> None:
    change = PolicyChange(allow=["fs.dd", "fs.dd"])
    first = await policies.set_for_server(desk.admin, 1, change)

    assert (await policies.set_for_server(desk.admin, 1, change)).id == first.id


async def test_each_version_is_in_the_audit_with_the_one_before(desk: Desk) -> None:
    for allow in (["fs.dd"], ["fs.*"]):
        await policies.set_for_server(desk.admin, 1, PolicyChange(allow=allow))

    event = await desk.service.store.read(audit_table.find_head)
    rows = await desk.service.store.read(audit_table.list_after, 0 if event is None else event.id - 1, 10)
    assert (rows[0].kind, rows[0].object_id) == (AuditKind.SERVER_POLICY_SET, 1)
    assert json.loads(rows[0].before or "")["allow"] == ["fs.dd"]
    assert json.loads(rows[0].after or "")["allow"] == ["fs.*"]


async def test_only_admins_set_policies_and_read_their_history(desk: Desk) -> None:
    made = (await desk.task()).task
    for ctx in (desk.viewer, desk.operator):
        for call in (
            policies.set_for_server(ctx, 1, PolicyChange()),
            policies.set_for_task(ctx, made.id, PolicyChange()),
            policies.page(ctx, PolicyFilter(), PageRequest()),
        ):
            with pytest.raises(Forbidden):
                await call


async def test_a_policy_of_nothing_is_not_found(desk: Desk) -> None:
    for call in (policies.set_for_server, policies.set_for_task):
        with pytest.raises(NotFound) as caught:
            await call(desk.admin, 99, PolicyChange())
        assert caught.value.field == ("id",)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"mode": "lax"}, "mode", "audit, standard, strict"),
        ({"allow": ["privilege.sudoo"]}, "allow", "did you mean privilege.sudo"),
        ({"allow": ["fs.*", "zzz"]}, "allow", "fs.*"),
        ({"allow": ["x" * 65]}, "allow", "names no rule"),
        ({"allow": ["\ud800"]}, "allow", "names no rule"),
        ({"allow": ["fs.dd"] * 101}, "allow", "at most 100"),
        ({"commands": [""]}, "commands", "must be 1 to"),
        ({"extra": "[a\nb = 1"}, "extra", "line 1"),
        ({"extra": RULE.replace("first", "frist")}, "extra", "rule 'site.no-restarts' (line 2): unknown field 'frist'"),
        ({"extra": "#" * 20_000}, "extra", "at most 16384"),
    ],
)
async def test_a_policy_that_cannot_be_kept_is_refused_by_field_and_rule(
    desk: Desk, change: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await policies.set_for_server(desk.admin, 1, PolicyChange(**change))

    assert caught.value.field == (field,)
    assert words in caught.value.en
    assert caught.value.text("zh").startswith(field)


async def test_a_task_may_be_allowed_the_extra_rules_of_its_server(desk: Desk) -> None:
    made = (await desk.task(command=RESTART)).task
    await policies.set_for_server(desk.admin, 1, PolicyChange(extra=RULE))
    await policies.set_for_task(desk.admin, made.id, PolicyChange(allow=["site.no-restarts"]))

    await executions.run_task(desk.operator, RunTask(task_id=made.id))
    assert {rule.id for rule in await policies.list_rules(desk.viewer, 1)} - {
        rule.id for rule in await policies.list_rules(desk.viewer)
    } == {"site.no-restarts"}
