"""Parameters of tasks: what may be declared and given, what a run records, and how the command policy judges it."""

import re
from typing import Any

import pytest

from db import executions as execution_table
from db import secrets as secret_table
from db import slots as slot_table
from db import tasks as task_table
from db.models import Task, TaskExecution
from db.values import Reason, State
from resolvers import commands, executions, parameters, policies, tasks
from resolvers.errors import CommandRefused, Conflict, Invalid
from resolvers.inputs import NewParameter, ParameterValue, RunTask, SecretVariable, TaskChange
from resolvers.parameter_rules import check_declarations, check_value
from resolvers.policies import PolicyChange
from runner.admission import decision
from runner.execution import run_secrets
from runner.scheduling.firing import fire_due
from runner.scheduling.follow_ups import follow_up
from runner.secrets.secret import Secret
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio

HIDDEN = "swordfish-4711"
DIR = NewParameter(name="DIR", type="string", pattern="(/[a-z/]*)?", default="/tmp/x")
COUNT = NewParameter(name="COUNT", type="integer", minimum=1, maximum=9, required=True)
DRY = NewParameter(name="DRY", type="boolean", default="true", description="Change nothing.")
WHERE = NewParameter(name="WHERE", type="choice", options=["here", "over there"])
KEY = NewParameter(name="KEY", type="secret")
ALL = (DIR, COUNT, DRY, WHERE, KEY)


def give(**values: str) -> list[ParameterValue]:
    return [ParameterValue(name=name, value=value) for name, value in values.items()]


async def make(desk: Desk, *declared: NewParameter, **changes: Any) -> Task:
    return (await desk.task(parameters=declared, **changes)).task


async def run(desk: Desk, task: Task, key: str | None = None, **values: str) -> TaskExecution:
    wanted = RunTask(task_id=task.id, parameters=give(**values), idempotency_key=key)
    return await executions.run_task(desk.operator, wanted)


async def get_variables(desk: Desk, row: TaskExecution) -> dict[str, str]:
    """What the command of an execution would get."""
    (row,) = await desk.service.store.read(execution_table.by_ids, [row.id])
    registered = await desk.service.store.read(secret_table.list_in_scope, row.server_id)
    found = run_secrets.unseal(row, registered, desk.service.vault, begun=False)
    return run_secrets.list_clear_variables(row) | found.variables


@pytest.mark.parametrize(
    ("declared", "field", "word"),
    [
        ({"name": "1A"}, "name", "digit"),
        ({"name": "A-B"}, "name", "letters"),
        ({"name": "A" * 129}, "name", "environment name"),
        ({"description": "x" * 501}, "description", "500"),
        ({"pattern": "("}, "pattern", "RE2"),
        ({"pattern": "(?=x)"}, "pattern", "RE2"),
        ({"pattern": ""}, "pattern", "1 to 1000"),
        ({"pattern": "(a{1000}){1000}"}, "pattern", "RE2|large"),
        ({"pattern": "a+", "default": "b"}, "default", "must match a"),
        ({"minimum": 1}, "minimum", "INTEGER"),
        ({"type": "integer", "pattern": "1"}, "pattern", "STRING or SECRET"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "maximum", "below"),
        ({"type": "integer", "maximum": 2**63}, "maximum", "64-bit"),
        ({"type": "integer", "minimum": 2, "default": "1"}, "default", "2 or more"),
        ({"type": "boolean", "default": "yes"}, "default", "true, false"),
        ({"options": ["a"]}, "options", "CHOICE"),
        ({"type": "choice"}, "options", "1 to 100"),
        ({"type": "choice", "options": ["a", "a"]}, "options", "different"),
        ({"type": "choice", "options": ["a\nb"]}, "options", "control"),
        ({"type": "choice", "options": ["a"], "default": "b"}, "default", "one of a"),
        ({"type": "secret", "default": HIDDEN}, "default", "secretEnv"),
        ({"required": True, "default": "a"}, "default", "required"),
    ],
)
def test_a_declaration_that_breaks_a_rule_is_refused_by_its_field_in_both_languages(
    declared: dict[str, Any], field: str, word: str
) -> None:
    good = NewParameter(name="GOOD", type="string")
    with pytest.raises(Invalid, match=word) as caught:
        check_declarations([good, NewParameter(**{"name": "A", "type": "string"} | declared)])
    assert caught.value.field == ("parameters", "1", field)
    assert re.search(r"[\u4e00-\u9fff]", caught.value.chinese)


def test_there_are_at_most_50_parameters_of_different_names() -> None:
    many = [NewParameter(name=f"A{n}", type="string") for n in range(51)]
    assert len(check_declarations(many[:50])) == 50
    with pytest.raises(Invalid, match="at most 50"):
        check_declarations(many)
    with pytest.raises(Invalid, match="more than once") as caught:
        check_declarations([DIR, DIR])
    assert caught.value.field == ("parameters", "1", "name")


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        (DIR, ["", "/", "/srv/data"], ["x", "/a\n", "/A", "\n/a"]),
        (
            NewParameter(name="A", type="string"),
            ["", "$(reboot)", "a\nb", "x" * 32_768],
            ["a\0", "x" * 32_769, "\ud800"],
        ),
        (COUNT, ["1", "9"], ["0", "10", "01", "+1", "1.0", " 1", "1\n", "", "-1", "١", "0x1", "9" * 30]),
        (NewParameter(name="A", type="integer"), ["0", "-5", str(2**63 - 1)], ["-0", str(2**63), "1e3"]),
        (DRY, ["true", "false"], ["True", "1", "yes", ""]),
        (WHERE, ["over there"], ["over", "", "HERE"]),
        (KEY, [HIDDEN, "a long\nsecret"], ["short", "aaaaaaaaa", HIDDEN + "\0"]),
        (NewParameter(name="A", type="secret", pattern="[a-z-]+[0-9]+"), [HIDDEN], ["swordfish-x"]),
    ],
)
def test_a_value_is_checked_by_the_type_and_the_rules_of_its_parameter(
    declared: NewParameter, good: list[str], bad: list[str]
) -> None:
    (made,) = check_declarations([declared])
    for value in good:
        check_value(("parameters", "0", "value"), made, value)
    for value in bad:
        with pytest.raises(Invalid, match=f"value of {declared.name} must") as caught:
            check_value(("parameters", "0", "value"), made, value)
        assert caught.value.field == ("parameters", "0", "value")
        assert f"value （参数 {declared.name}）" in caught.value.chinese
        assert len(value) < 8 or value not in caught.value.en + caught.value.chinese


def test_defaults_fill_what_is_not_given_and_a_secret_is_kept_apart() -> None:
    declared = check_declarations(ALL)
    applied = parameters.apply_values(declared, give(COUNT="3", KEY=HIDDEN, DRY="false"))
    assert applied.values == {"DIR": "/tmp/x", "COUNT": "3", "DRY": "false"}
    assert applied.secrets == {"KEY": Secret(HIDDEN)}
    assert applied.recorded == {"DIR": "/tmp/x", "COUNT": "3", "DRY": "false", "KEY": None}
    assert HIDDEN not in repr(applied)
    assert HIDDEN not in repr(give(KEY=HIDDEN))


@pytest.mark.parametrize(
    ("given", "field", "word"),
    [
        (give(COUNT="1", DRI="x"), ("parameters", "1", "name"), "DRI is not a parameter .*DIR, COUNT, DRY"),
        (give(COUNT="1") * 2, ("parameters", "1", "name"), "COUNT is given more than once"),
        (give(DRY="true"), ("parameters",), "a value for COUNT"),
        (give(COUNT="one"), ("parameters", "0", "value"), "value of COUNT must be a whole number"),
        (give(COUNT="1", KEY="short"), ("parameters", "1", "value"), "value of KEY must be at least 6"),
    ],
)
async def test_a_run_with_wrong_values_is_refused_by_the_field(
    desk: Desk, given: list[ParameterValue], field: tuple[str, ...], word: str
) -> None:
    task = await make(desk, *ALL)
    with pytest.raises(Invalid, match=word) as caught:
        await executions.run_task(desk.operator, RunTask(task_id=task.id, parameters=given))
    assert caught.value.field == field
    assert re.search(r"[\u4e00-\u9fff]", caught.value.chinese)
    assert await desk.executions() == []


async def test_the_values_of_a_run_are_bounded_with_those_of_env(desk: Desk) -> None:
    wide = [NewParameter(name=f"A{n}", type="string") for n in range(3)]
    task = await make(desk, *wide, env={"E": "x" * 1000})
    with pytest.raises(Invalid, match="65536 characters in all") as caught:
        await run(desk, task, A0="x" * 32_768, A1="x" * 32_700)
    assert caught.value.field == ("parameters",)
    assert (await run(desk, task, A0="x" * 32_768)).id


async def test_a_run_records_its_values_and_seals_the_secret_ones(either_desk: Desk) -> None:
    desk = either_desk
    own = SecretVariable(name="OWN", value=Secret("of the task"))
    task = await make(desk, *ALL, secret_env=[own], env={"PLAIN": "1"})
    row = await run(desk, task, COUNT="3", KEY=HIDDEN)
    assert row.parameters == {"DIR": "/tmp/x", "COUNT": "3", "DRY": "true", "KEY": None}
    given = {"PLAIN": "1", "DIR": "/tmp/x", "COUNT": "3", "DRY": "true", "KEY": HIDDEN, "OWN": "of the task"}
    assert await get_variables(desk, row) == given
    assert HIDDEN not in str(row)
    await executions.cancel(desk.operator, row.id)
    ended = await executions.get(desk.viewer, row.id)
    assert (ended.parameters["KEY"], ended.sealed_env, ended.sealed_run) == (None, None, None)
    bare = await run(desk, task, COUNT="1")
    assert (await get_variables(desk, bare)).keys() == given.keys() - {"KEY"}


async def test_a_name_is_that_of_one_variable_only(desk: Desk) -> None:
    own = SecretVariable(name="DIR", value=Secret(HIDDEN))
    task = await make(desk, COUNT, env={"A": "1"}, secret_env=[SecretVariable(name="B", value=Secret(HIDDEN))])
    for changes in ({"env": {"DIR": "1"}}, {"secret_env": [own]}):
        with pytest.raises(Invalid, match="DIR is also a variable") as caught:
            await make(desk, DIR, **changes)
        assert caught.value.field == ("parameters", "0", "name")
    for change in (
        TaskChange(env={"COUNT": "1"}),
        TaskChange(secret_env=[SecretVariable(name="COUNT", value=Secret(HIDDEN))]),
        TaskChange(parameters=[NewParameter(name="A", type="string")]),
        TaskChange(parameters=[NewParameter(name="B", type="string")]),
    ):
        with pytest.raises(Invalid, match="is also a variable"):
            await tasks.update(desk.operator, task.id, change)


@pytest.mark.parametrize("kind", ["string", "secret"])
async def test_a_name_that_the_policy_denies_as_a_variable_is_denied_as_a_parameter(desk: Desk, kind: str) -> None:
    with pytest.raises(CommandRefused, match="LD_PRELOAD") as caught:
        await make(desk, NewParameter(name="LD_PRELOAD", type=kind))
    assert caught.value.field == ("parameters", "LD_PRELOAD")
    task = await make(desk)
    with pytest.raises(CommandRefused):
        await tasks.update(
            desk.operator, task.id, TaskChange(parameters=[NewParameter(name="BASH_ENV", type=kind, required=True)])
        )


async def test_the_policy_judges_the_command_with_the_values_that_are_given(desk: Desk) -> None:
    free = NewParameter(name="DIR", type="string", required=True)
    task = await make(desk, free, NewParameter(name="PIN", type="secret"), command='rm -rf "$DIR"/* "$PIN"')
    assert (await run(desk, task, DIR="/tmp/x")).parameters == {"DIR": "/tmp/x"}
    for value in ("/", "", "/etc"):
        with pytest.raises(CommandRefused, match=r"fs\.remove-"):
            await run(desk, task, DIR=value)
    (row,) = await desk.executions()
    assert row.findings is None
    evaluated = await make(desk, free, command='eval "$DIR"')
    with pytest.raises(CommandRefused, match=r"privilege\.sudo"):
        await run(desk, evaluated, DIR="sudo id")
    secret = await make(desk, NewParameter(name="DIR", type="secret"), command='rm -rf "$DIR"')
    assert await run(desk, secret, DIR="/etc/passwd"), "the policy does not see what is secret"


async def test_a_default_or_a_scheduled_value_that_the_policy_refuses_cannot_be_saved(desk: Desk) -> None:
    plain = NewParameter(name="DIR", type="string")
    with pytest.raises(CommandRefused):
        await make(desk, NewParameter(name="DIR", type="string", default="/"), command='rm -rf "$DIR"')
    with pytest.raises(CommandRefused):
        await make(desk, plain, command='rm -rf "$DIR"', cron_expr="@daily", parameter_values=give(DIR="/"))
    task = await make(desk, plain, command='rm -rf "$DIR"', cron_expr="@daily", parameter_values=give(DIR="/tmp/x"))
    with pytest.raises(CommandRefused):
        await tasks.update(desk.operator, task.id, TaskChange(parameter_values=give(DIR="/")))
    assert (await tasks.get(desk.viewer, task.id)).parameter_values == {"DIR": "/tmp/x"}


async def test_a_command_is_checked_for_a_task_with_what_its_schedule_gives(desk: Desk) -> None:
    task = await make(
        desk, NewParameter(name="DIR", type="string", default="/tmp/x"), NewParameter(name="N", type="string")
    )

    async def is_allowed(command: str, **changes: Any) -> bool:
        draft = commands.CommandDraft(command=command, task_id=task.id, **changes)
        return (await commands.check_command(desk.viewer, draft)).is_allowed

    assert await is_allowed('rm -rf "$DIR"/*')
    assert not await is_allowed('rm -rf "$DIR"/*', env={"DIR": "/"})
    assert not await is_allowed('rm -rf "$N"/*'), "it has no value"
    await tasks.update(desk.operator, task.id, TaskChange(parameter_values=give(DIR="/", N="/tmp/y")))
    assert await is_allowed('rm -rf "$N"/*')
    assert not await is_allowed('rm -rf "$DIR"/*')


async def test_what_a_task_is_allowed_holds_for_the_values_that_its_admin_saw(desk: Desk) -> None:
    await policies.set_for_server(desk.admin, 1, PolicyChange(mode="audit"))
    task = await make(desk, DIR, command='rm -rf "$DIR" /etc')
    await policies.set_for_task(desk.admin, task.id, PolicyChange(allow=["fs.*"]))
    await policies.set_for_server(desk.admin, 1, PolicyChange())
    assert await run(desk, task)
    assert await run(desk, task, DIR="/tmp/x")
    with pytest.raises(CommandRefused):
        await run(desk, task, DIR="/usr")


async def test_the_same_key_with_other_values_is_a_conflict(either_desk: Desk) -> None:
    desk = either_desk
    task = await make(desk, *ALL)
    first = await run(desk, task, "key", COUNT="1", KEY=HIDDEN)
    assert (await run(desk, task, "key", COUNT="1", KEY=HIDDEN)).id == first.id
    assert (await run(desk, task, "key", COUNT="1", KEY=HIDDEN, DRY="true")).id == first.id, "it is the default"
    for other in ({"COUNT": "2", "KEY": HIDDEN}, {"COUNT": "1"}, {"COUNT": "1", "KEY": HIDDEN, "DRY": "false"}, {}):
        with pytest.raises(Conflict, match="idempotency key"):
            await run(desk, task, "key", **other)
    desk.clock.forward(60)
    await tasks.update(desk.operator, task.id, TaskChange(parameters=[KEY]))
    assert (await run(desk, task, "key", COUNT="1", KEY=HIDDEN)).id == first.id, "the task was changed since"
    with pytest.raises(Conflict):
        await run(desk, task, "key", COUNT="2", KEY=HIDDEN)
    assert len(await desk.executions()) == 1


async def test_the_same_key_creates_a_task_with_the_same_parameters_only(desk: Desk) -> None:
    given = {"parameter_values": give(COUNT="1", KEY=HIDDEN), "idempotency_key": "key"}
    first = await make(desk, *ALL, **given)
    assert (await make(desk, *ALL, **given)).id == first.id
    with pytest.raises(Conflict):
        await make(desk, COUNT, KEY, **given)
    with pytest.raises(Conflict):
        await make(desk, *ALL, **given | {"parameter_values": give(COUNT="2", KEY=HIDDEN)})


async def test_a_schedule_gives_every_required_value(desk: Desk) -> None:
    with pytest.raises(Invalid, match="a value for COUNT") as caught:
        await make(desk, *ALL, cron_expr="@daily")
    assert caught.value.field == ("parameter_values",)
    for bad, path in ((give(COUNT="x"), "value"), (give(NO="x"), "name")):
        with pytest.raises(Invalid) as caught:
            await make(desk, *ALL, cron_expr="@daily", parameter_values=bad)
        assert caught.value.field == ("parameter_values", "0", path)
    by_hand = await make(desk, *ALL)
    with pytest.raises(Invalid, match="a value for COUNT"):
        await tasks.update(desk.operator, by_hand.id, TaskChange(cron_expr="@daily"))
    change = TaskChange(cron_expr="@daily", parameter_values=give(COUNT="5", KEY=HIDDEN))
    changed = await tasks.update(desk.operator, by_hand.id, change)
    assert changed.parameter_values == {"DIR": "/tmp/x", "COUNT": "5", "DRY": "true", "KEY": None}
    with pytest.raises(Invalid, match="a value for COUNT"):
        await tasks.update(desk.operator, by_hand.id, TaskChange(parameter_values=[]))


async def test_scheduled_runs_and_their_retries_get_what_the_schedule_gives(either_desk: Desk) -> None:
    desk = either_desk
    decider = decision.build_decider(desk.service.policy)
    own = SecretVariable(name="OWN", value=Secret("of the task"))
    task = await make(desk, *ALL, cron_expr="* * * * *", parameter_values=give(COUNT="5", KEY=HIDDEN), secret_env=[own])
    terms = {"terms": {"retry_limit": 1, "retry_delay_seconds": 30}}
    assert await desk.service.store.run(task_table.update, task.id, terms)
    desk.clock.forward(60)
    assert (await desk.service.store.run(fire_due, desk.clock(), decider)).started == 1
    expected = {"DIR": "/tmp/x", "COUNT": "5", "DRY": "true", "KEY": HIDDEN, "OWN": "of the task"}
    fired = (await desk.executions())[0]
    assert fired.parameters == {"DIR": "/tmp/x", "COUNT": "5", "DRY": "true", "KEY": None}
    assert await get_variables(desk, fired) == expected
    by_hand = await run(desk, task, COUNT="1")
    assert (await get_variables(desk, by_hand)) == {"DIR": "/tmp/x", "COUNT": "1", "DRY": "true", "OWN": "of the task"}

    await executions.cancel(desk.operator, by_hand.id)
    await desk.finish(await desk.claimed(), State.FAILED, reason=Reason.UNREACHABLE)
    for seconds in (1, 40):
        desk.clock.forward(seconds)
        lines = await desk.service.store.read(slot_table.list_actionable, desk.clock(), 100)
        await desk.service.store.run(follow_up, [line.id for line in lines], desk.clock())
    again = (await desk.executions())[-1]
    assert (again.trigger, again.parameters) == ("retry", fired.parameters)
    assert await get_variables(desk, again) == expected


async def test_once_gives_what_is_to_be_given_to_its_only_run(desk: Desk) -> None:
    made = await desk.task(cron_expr="@once", parameters=ALL, parameter_values=give(COUNT="2", KEY=HIDDEN))
    assert made.execution is not None
    expected = {"DIR": "/tmp/x", "COUNT": "2", "DRY": "true", "KEY": HIDDEN}
    assert await get_variables(desk, made.execution) == expected


async def test_values_stay_through_changes_of_the_task_as_far_as_they_are_declared(desk: Desk) -> None:
    own = SecretVariable(name="OWN", value=Secret("of the task"))
    task = await make(desk, *ALL, cron_expr="@daily", parameter_values=give(COUNT="5", KEY=HIDDEN), secret_env=[own])

    async def change(**given: Any) -> Task:
        return await tasks.update(desk.operator, task.id, TaskChange(**given))

    changed = await change(env={"PLAIN": "1"}, secret_env=[SecretVariable(name="OWN")])
    assert changed.sealed_env.keys() == {"OWN", "KEY"}
    changed = await change(secret_env=[])
    assert changed.sealed_env.keys() == {"KEY"}
    changed = await change(parameters=[NewParameter(name="DIR", type="string", default="/tmp/y"), COUNT, KEY])
    assert changed.parameter_values == {"DIR": "/tmp/y", "COUNT": "5", "KEY": None}
    with pytest.raises(Invalid, match="given anew: value of COUNT must be 3 or less") as caught:
        await change(parameters=[NewParameter(name="COUNT", type="integer", maximum=3)])
    assert caught.value.field == ("parameter_values",)
    changed = await change(parameters=[COUNT])
    assert (changed.parameter_values, changed.sealed_env) == ({"COUNT": "5"}, {})
    changed = await change(parameters=[], parameter_values=[])
    assert (changed.parameters, changed.parameter_values) == ([], {})
    with pytest.raises(Invalid, match="the task declares none"):
        await run(desk, task, COUNT="1")
