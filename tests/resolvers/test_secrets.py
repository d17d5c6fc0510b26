"""Registered secrets and secret variables: what is kept, what goes, who sees and takes what. Values never come out."""

from typing import Any

import pytest

from db import executions as execution_table
from db import secrets as secret_table
from db import tasks as task_table
from db.models import Task
from db.secrets import SecretFilter
from db.values import Reason, Role, State
from resolvers import executions, grants, secrets, tasks
from resolvers.errors import CommandRefused, Conflict, Forbidden, Invalid, NotFound
from resolvers.inputs import NewSecret, RunTask, SecretVariable, TaskChange
from resolvers.paging import PageRequest
from runner.execution import run_secrets
from runner.secrets.secret import Secret
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio

OWN, TAKEN = "swordfish-4711", "herring-0815"


def own(name: str, value: str = OWN) -> SecretVariable:
    return SecretVariable(name=name, value=Secret(value))


async def register(desk: Desk, name: str = "taken", value: str = TAKEN, server_id: int | None = None) -> Any:
    return await secrets.create(desk.admin, NewSecret(name=name, value=Secret(value), server_id=server_id))


async def values(desk: Desk, id: int) -> dict[str, str]:
    """What the command of an execution would get."""
    row = (await desk.service.store.read(execution_table.by_ids, [id]))[0]
    registered = await desk.service.store.read(secret_table.list_in_scope, row.server_id)
    return run_secrets.unseal(row, registered, desk.service.vault, begun=False).variables


async def of_task(desk: Desk, id: int) -> dict[str, str]:
    return await values(desk, (await executions.run_task(desk.operator, RunTask(task_id=id))).id)


async def names(desk: Desk, role: Role = Role.OPERATOR, server_id: int | None = None) -> list[str]:
    page = await secrets.page(desk.as_a(role), SecretFilter(server_id), PageRequest(order="name"))
    return [row.name for row in page.rows]


async def test_a_registered_secret_is_kept_sealed_replaced_and_removed(either_desk: Desk) -> None:
    desk = either_desk
    row = await register(desk)
    with pytest.raises(Conflict, match="named taken"):
        await register(desk)
    task = (await desk.task(secret_env=[SecretVariable(name="A", secret="taken")])).task
    assert await of_task(desk, task.id) == {"A": TAKEN}
    await secrets.change(desk.admin, row.id, Secret("another value"))
    assert await of_task(desk, task.id) == {"A": "another value"}, "runs take the value of when they start"
    stored = await desk.service.store.read(secret_table.by_id, row.id)
    assert stored is not None
    assert b"another value" not in stored.value
    await secrets.delete(desk.admin, row.id)
    for gone in (secrets.delete(desk.admin, row.id), secrets.change(desk.admin, row.id, Secret("a third value"))):
        with pytest.raises(NotFound):
            await gone
    with pytest.raises(run_secrets.SecretMissing, match="taken"):
        await of_task(desk, task.id)


async def test_a_secret_of_one_server_is_for_its_runs_only(desk: Desk) -> None:
    other = await desk.server(name="another")
    await register(desk, "here", server_id=1)
    await register(desk, "there", server_id=other.id)
    await register(desk, "everywhere")
    assert await names(desk) == ["everywhere", "here", "there"]
    assert await names(desk, server_id=1) == ["everywhere", "here"]
    with pytest.raises(NotFound, match="no secret there"):
        await desk.task(secret_env=[SecretVariable(name="A", secret="there")])
    with pytest.raises(NotFound, match="no secret there"):
        await executions.run_command(desk.operator, desk.command(secret_env=[SecretVariable(name="A", secret="there")]))
    task = (await desk.task(secret_env=[SecretVariable(name="A", secret="here")])).task
    with pytest.raises(NotFound, match="no secret here"):
        await tasks.update(desk.operator, task.id, TaskChange(server_id=other.id))


async def test_who_has_a_grant_sees_the_names_for_their_servers_and_takes_no_other(either_desk: Desk) -> None:
    desk = either_desk
    other = await desk.server(name="another")
    await register(desk, "here", server_id=1)
    await register(desk, "there", server_id=other.id)
    await register(desk, "everywhere")
    nobody = desk.as_a(Role.NONE)
    with pytest.raises(Forbidden):
        await names(desk, Role.NONE)
    await grants.give(desk.admin, desk.users[Role.NONE].id, 1, None, "operator")
    assert await names(desk, Role.NONE) == await names(desk, Role.NONE, other.id) + ["here"] == ["everywhere", "here"]
    for secret, server_id in (("there", 1), ("there", other.id)):
        wanted = desk.command(server_id=server_id, secret_env=[SecretVariable(name="A", secret=secret)])
        with pytest.raises(NotFound):
            await executions.run_command(nobody, wanted)
    run = await executions.run_command(nobody, desk.command(secret_env=[SecretVariable(name="A", secret="here")]))
    assert await values(desk, run.id) == {"A": TAKEN}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "renamed"}, {"A": OWN, "B": TAKEN, "C": OWN}),
        ({"secret_env": []}, {}),
        ({"secret_env": [SecretVariable(name="A"), SecretVariable(name="B")]}, {"A": OWN, "B": TAKEN}),
        ({"secret_env": [own("A", "new value"), SecretVariable(name="C")]}, {"A": "new value", "C": OWN}),
        ({"secret_env": [SecretVariable(name="A", secret="taken"), own("B")]}, {"A": TAKEN, "B": OWN}),
        ({"secret_env": [own("D", "new value")], "env": {"A": "1"}}, {"D": "new value"}),
    ],
)
async def test_a_change_keeps_what_it_names_alone_or_not_at_all_and_replaces_the_rest(
    desk: Desk, given: dict[str, Any], expected: dict[str, str]
) -> None:
    await register(desk)
    task = (await desk.task(secret_env=[own("A"), SecretVariable(name="B", secret="taken"), own("C")])).task
    await tasks.update(desk.operator, task.id, TaskChange(**given))
    assert await of_task(desk, task.id) == expected
    kept = await desk.service.store.read(task_table.by_id, task.id)
    assert kept is not None
    assert kept.sealed_env.keys() == {name for name, source in kept.secret_env.items() if source is None}


async def test_a_name_is_either_plain_or_secret_and_what_is_kept_must_be_there(desk: Desk) -> None:
    task = (await desk.task(secret_env=[own("A")], env={"PLAIN": "1"})).task
    for change in (
        TaskChange(env={"A": "1"}),
        TaskChange(secret_env=[own("PLAIN")]),
        TaskChange(secret_env=[SecretVariable(name="B")]),
    ):
        with pytest.raises(Invalid) as refused:
            await tasks.update(desk.operator, task.id, change)
        assert refused.value.field[0] == "secret_env"


async def test_the_policy_sees_names_and_never_a_value(desk: Desk) -> None:
    with pytest.raises(CommandRefused):
        await desk.task(secret_env=[own("LD_PRELOAD")])
    made = await desk.task(command='$A; echo "$A"', secret_env=[own("A", "sudo reboot")])
    run = await executions.run_task(desk.operator, RunTask(task_id=made.task.id))
    assert OWN not in str(run) + str(run.findings)
    with pytest.raises(CommandRefused):
        await tasks.update(desk.operator, made.task.id, TaskChange(secret_env=[own("BASH_ENV")]))


async def test_a_run_copies_what_its_task_has_and_forgets_it_when_it_ends(desk: Desk) -> None:
    task = (await desk.task(cron_expr="@once", secret_env=[own("A")])).task
    first, second = (await desk.executions())[0], await executions.run_task(desk.operator, RunTask(task_id=task.id))
    await tasks.update(desk.operator, task.id, TaskChange(secret_env=[own("A", "new value")]))
    assert [await values(desk, row.id) for row in (first, second)] == [{"A": OWN}, {"A": OWN}]
    await executions.cancel(desk.operator, second.id)
    ended = await executions.get(desk.viewer, second.id)
    assert (ended.state, ended.reason) == (State.CANCELLED, Reason.CANCELLED)
    assert (ended.secret_env, ended.sealed_env, ended.sealed_run) == ({"A": None}, None, None)


async def test_the_same_key_finds_the_run_with_the_same_names(desk: Desk) -> None:
    wanted = desk.command(idempotency_key="k", secret_env=[own("A")])
    first = await executions.run_command(desk.operator, wanted)
    assert (await executions.run_command(desk.operator, wanted)).id == first.id
    assert await values(desk, first.id) == {"A": OWN}
    with pytest.raises(Conflict):
        await executions.run_command(desk.operator, desk.command(idempotency_key="k", secret_env=[own("B")]))


async def test_a_value_moved_to_another_row_or_name_does_not_open(desk: Desk) -> None:
    first = (await desk.task(secret_env=[own("A"), own("B", "other value")])).task
    second = (await desk.task(secret_env=[own("A", "other value")])).task
    stolen: Task = first
    for id, sealed in ((second.id, {"A": stolen.sealed_env["A"]}), (first.id, {"A": stolen.sealed_env["B"]})):
        await desk.service.store.run(task_table.update, id, {"sealed_env": {**stolen.sealed_env, **sealed}})
        with pytest.raises(run_secrets.SecretMissing, match="keys at hand"):
            await of_task(desk, id)
