"""What the requests of a run cost the database: statements and transactions, counted at the driver."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from db.values import Role
from resolvers import executions, grants, personal_tokens, policies, sign_in
from resolvers.admission import authenticate
from resolvers.context import Context
from resolvers.inputs import RunTask
from resolvers.policies import PolicyChange
from tests.support.desk import Desk
from tests.support.statements import Traffic, watched

pytestmark = pytest.mark.anyio

Request = Callable[[Context], Awaitable[Any]]

# On PostgreSQL the caller and the server's policies are read each time.
COMMAND = {"sqlite": 3, "postgresql": 5}
TASK = {"sqlite": 5, "postgresql": 6}


async def access_token(desk: Desk, role: Role) -> str:
    return (await sign_in.start_session(Context(desk.service), desk.users[role])).access_token


async def personal_token(desk: Desk, role: Role) -> str:
    return (await personal_tokens.create(desk.as_a(role), "for ci", "run", 1)).token


async def cost(desk: Desk, token: str, request: Request) -> Traffic:
    """Of one request, after others like it."""

    async def ask() -> None:
        await request(await authenticate(Context(desk.service), token))

    for _ in range(2):
        await ask()
    with watched() as traffic:
        await ask()
    return traffic


def command(desk: Desk, **changes: Any) -> Request:
    return lambda ctx: executions.run_command(ctx, desk.command(**changes))


@pytest.mark.parametrize("sign", [access_token, personal_token])
async def test_a_command_is_stored_by_few_statements(
    either_desk: Desk, sign: Callable[[Desk, Role], Awaitable[str]]
) -> None:
    traffic = await cost(either_desk, await sign(either_desk, Role.OPERATOR), command(either_desk))
    assert len(traffic.statements) <= COMMAND[either_desk.service.store.dialect], traffic.statements
    assert traffic.count_write_transactions() == 1


async def test_a_tasks_run_is_stored_by_few_statements(either_desk: Desk) -> None:
    task = (await either_desk.task()).task
    token = await access_token(either_desk, Role.OPERATOR)
    traffic = await cost(either_desk, token, lambda ctx: executions.run_task(ctx, RunTask(task_id=task.id)))
    assert len(traffic.statements) <= TASK[either_desk.service.store.dialect], traffic.statements
    assert traffic.count_write_transactions() == 1


async def test_a_key_of_the_callers_own_is_looked_up_once(either_desk: Desk) -> None:
    keys = iter("abc")
    token = await access_token(either_desk, Role.OPERATOR)
    traffic = await cost(either_desk, token, lambda ctx: command(either_desk, idempotency_key=next(keys))(ctx))
    assert len(traffic.statements) <= COMMAND[either_desk.service.store.dialect] + 1, traffic.statements
    assert traffic.count_write_transactions() == 1


async def test_a_repeat_writes_nothing(either_desk: Desk) -> None:
    token = await access_token(either_desk, Role.OPERATOR)
    traffic = await cost(either_desk, token, command(either_desk, idempotency_key="the same"))
    assert traffic.count_write_transactions() == 0
    assert len(traffic.statements) <= 2, traffic.statements


async def test_a_policy_of_the_server_costs_one_statement_where_it_is_not_kept(either_desk: Desk) -> None:
    await policies.set_for_server(either_desk.admin, 1, PolicyChange(mode="strict"))
    token = await access_token(either_desk, Role.OPERATOR)
    traffic = await cost(either_desk, token, command(either_desk))
    extra = {"sqlite": 0, "postgresql": 1}[either_desk.service.store.dialect]
    assert len(traffic.statements) <= COMMAND[either_desk.service.store.dialect] + extra, traffic.statements


async def test_a_right_that_is_granted_is_decided_in_the_transaction(either_desk: Desk) -> None:
    """And before it, by what is kept or read, so that who may not see the server learns nothing of its policy."""
    await grants.give(either_desk.admin, either_desk.users[Role.NONE].id, 1, None, Role.OPERATOR)
    token = await access_token(either_desk, Role.NONE)
    traffic = await cost(either_desk, token, command(either_desk))
    asked = [statement for statement in traffic.statements if "FROM grants" in statement]
    assert len(asked) == {"sqlite": 1, "postgresql": 3}[either_desk.service.store.dialect]
    assert traffic.count_write_transactions() == 1
