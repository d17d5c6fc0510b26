"""Who may do what: every resolver that takes a context, with every role and with nobody."""

import inspect
from collections.abc import AsyncGenerator, Callable
from types import ModuleType
from typing import Any

import pytest

from db.executions import ExecutionFilter
from db.secrets import SecretFilter
from db.servers import ServerFilter
from db.slots import SlotFilter
from db.tasks import TaskFilter
from db.users import UserFilter
from db.values import Role
from resolvers import (
    executions,
    grants,
    output,
    pauses,
    personal_tokens,
    rights,
    secrets,
    servers,
    sign_in,
    slots,
    tasks,
    updates,
    users,
)
from resolvers.context import Context
from resolvers.errors import Forbidden, ServiceError, Unauthenticated
from resolvers.inputs import NewCredential, NewSecret, NewServer, NewTask, RunCommand, RunTask, ServerChange, TaskChange
from resolvers.paging import PageRequest
from runner.secrets.secret import Secret
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio

PAGE = PageRequest()
SERVER = NewServer(name="x", host="x", username="x", host_keys=[], credential=NewCredential())
Call = Callable[[Context], Any]
NEEDS: dict[Role, dict[Any, Call]] = {
    Role.NONE: {
        tasks.get: lambda ctx: tasks.get(ctx, 1),
        tasks.get_many: lambda ctx: tasks.get_many(ctx, [1]),
        tasks.page: lambda ctx: tasks.page(ctx, TaskFilter(), PAGE),
        tasks.load_pages_of_servers: lambda ctx: tasks.load_pages_of_servers(ctx, [1], TaskFilter(), PAGE),
        executions.get: lambda ctx: executions.get(ctx, 1),
        executions.get_many: lambda ctx: executions.get_many(ctx, [1]),
        executions.list_latest_of_tasks: lambda ctx: executions.list_latest_of_tasks(ctx, [1]),
        executions.page: lambda ctx: executions.page(ctx, ExecutionFilter(), PAGE),
        executions.load_pages_of_tasks: lambda ctx: executions.load_pages_of_tasks(ctx, [1], ExecutionFilter(), PAGE),
        output.follow: lambda ctx: output.follow(ctx, 1),
        output.read: lambda ctx: output.read(ctx, 1, None, 10),
        output.load_decoders: lambda ctx: output.load_decoders(ctx, 1, None),
        updates.follow: lambda ctx: updates.follow(ctx, ExecutionFilter(server_id=2**63)),
        servers.get: lambda ctx: servers.get(ctx, 1),
        servers.get_many: lambda ctx: servers.get_many(ctx, [1]),
        servers.page: lambda ctx: servers.page(ctx, ServerFilter(), PAGE),
        users.me: users.me,
        users.get_many: lambda ctx: users.get_many(ctx, [1]),
        users.get_visible: lambda ctx: users.get_visible(ctx, ctx.require_viewer().user_id),
        slots.get: lambda ctx: slots.get(ctx, 1),
        slots.get_many: lambda ctx: slots.get_many(ctx, [1]),
        slots.page: lambda ctx: slots.page(ctx, SlotFilter(), PAGE),
        slots.load_pages_of_tasks: lambda ctx: slots.load_pages_of_tasks(ctx, [1], SlotFilter(), PAGE),
        slots.follow: lambda ctx: slots.follow(ctx, SlotFilter(server_id=2**63)),
        grants.get: lambda ctx: grants.get(ctx, 1),
        grants.list_by_users: lambda ctx: grants.list_by_users(ctx, [1]),
        rights.list_roles: lambda ctx: rights.list_roles(ctx, [1]),
        personal_tokens.create: lambda ctx: personal_tokens.create(ctx, "x", "read", 0),
        personal_tokens.get: lambda ctx: personal_tokens.get(ctx, 1),
        personal_tokens.list_own: personal_tokens.list_own,
        personal_tokens.revoke: lambda ctx: personal_tokens.revoke(ctx, 1),
        sign_in.logout: sign_in.logout,
        sign_in.check_session_validity: sign_in.check_session_validity,
    },
    Role.OPERATOR: {
        tasks.create: lambda ctx: tasks.create(ctx, NewTask(name="x", command="x", server_id=9, cron_expr="@once")),
        tasks.update: lambda ctx: tasks.update(ctx, 1, TaskChange()),
        tasks.set_enabled: lambda ctx: tasks.set_enabled(ctx, 1, True),
        tasks.delete: lambda ctx: tasks.delete(ctx, 1),
        pauses.pause: lambda ctx: pauses.pause(ctx, 1),
        pauses.resume: lambda ctx: pauses.resume(ctx, 1),
        executions.run_task: lambda ctx: executions.run_task(ctx, RunTask(task_id=1)),
        executions.run_command: lambda ctx: executions.run_command(ctx, RunCommand(server_id=9, command="x")),
        secrets.page: lambda ctx: secrets.page(ctx, SecretFilter(), PAGE),
        secrets.get: lambda ctx: secrets.get(ctx, 1),
        executions.cancel: lambda ctx: executions.cancel(ctx, 1),
    },
    Role.ADMIN: {
        servers.create: lambda ctx: servers.create(ctx, SERVER),
        servers.update: lambda ctx: servers.update(ctx, 1, ServerChange()),
        servers.delete: lambda ctx: servers.delete(ctx, 1),
        secrets.create: lambda ctx: secrets.create(ctx, NewSecret(name="x", value=Secret("x"))),
        secrets.change: lambda ctx: secrets.change(ctx, 1, Secret("x")),
        secrets.delete: lambda ctx: secrets.delete(ctx, 1),
        users.page: lambda ctx: users.page(ctx, UserFilter(), PAGE),
        users.get: lambda ctx: users.get(ctx, 1),
        users.create: lambda ctx: users.create(ctx, "", "none", ""),
        users.update: lambda ctx: users.update(ctx, 999),
        grants.give: lambda ctx: grants.give(ctx, 1, None, None, "viewer"),
        grants.revoke: lambda ctx: grants.revoke(ctx, 1),
    },
}
ANYONE = {sign_in.login, sign_in.refresh, sign_in.exchange_link}
# Steps of the ones above, which have checked.
WITHIN = {
    "start_session",
    "require_role",
    "enforce",
    "build_limits",
    "build_schedule",
    "build_secrets",
}
CASES = [(needed, call) for needed, calls in NEEDS.items() for call in calls.values()]
NAMES = [f"{fn.__module__.split('.')[1]}.{fn.__name__}" for calls in NEEDS.values() for fn in calls]


async def outcome(call: Call, ctx: Context) -> type[BaseException] | None:
    """The error that a call ends with, if it is one that callers are told."""
    try:
        found = call(ctx)
        await (anext(found) if isinstance(found, AsyncGenerator) else found)
    except ServiceError as error:
        return type(error)
    return None


@pytest.mark.parametrize(("needed", "call"), CASES, ids=NAMES)
async def test_it_needs_its_role_and_no_more(desk: Desk, needed: Role, call: Call) -> None:
    assert await outcome(call, desk.as_a(None)) is Unauthenticated
    for role in Role:
        found = await outcome(call, desk.as_a(role))
        assert (found is Forbidden) is (role.rank < needed.rank), role
        assert found is not Unauthenticated


@pytest.mark.parametrize(
    "module",
    [
        tasks,
        pauses,
        executions,
        secrets,
        output,
        updates,
        servers,
        users,
        sign_in,
        personal_tokens,
        slots,
        grants,
        rights,
    ],
)
def test_no_resolver_is_left_out_of_the_table(module: ModuleType) -> None:
    known = {fn.__name__ for calls in NEEDS.values() for fn in calls if fn.__module__ == module.__name__}
    known |= {fn.__name__ for fn in ANYONE if fn.__module__ == module.__name__}
    found = {name for name, fn in inspect.getmembers(module, inspect.isfunction) if takes_a_context(fn, module)}
    assert found - WITHIN == known


def takes_a_context(fn: Any, module: ModuleType) -> bool:
    """What begins with `_` is for its own file, and no face calls it."""
    if inspect.unwrap(fn).__module__ != module.__name__ or fn.__name__.startswith("_"):
        return False
    return Context in [each.annotation for each in inspect.signature(fn).parameters.values()]


async def test_a_refusal_says_what_is_needed_and_by_whom(desk: Desk) -> None:
    with pytest.raises(Forbidden) as caught:
        await servers.delete(desk.operator, 1)
    assert "needs the role admin; yours is operator" in caught.value.text("en")
    assert "admin" in caught.value.text("zh")
    assert caught.value.extensions == {"code": "FORBIDDEN"}
