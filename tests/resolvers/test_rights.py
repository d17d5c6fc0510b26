"""What may be done by grants: on the servers they are for, at once, and no longer than they hold. On both databases."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from db.executions import ExecutionFilter
from db.slots import SlotFilter
from db.users import UserFilter
from db.values import Role, TokenScope
from resolvers import (
    commands,
    executions,
    grants,
    output,
    pauses,
    personal_tokens,
    rights,
    schedules,
    servers,
    slots,
    tasks,
    updates,
    users,
)
from resolvers.commands import CommandDraft
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound
from resolvers.inputs import NewCredential, NewTask, PreviewSchedule, RunCommand, RunTask, ServerChange, TaskChange
from resolvers.paging import PageRequest
from tests.support.desk import Desk
from tests.support.granting import Granting, Place, granting

pytestmark = pytest.mark.anyio
__all__ = ["granting"]

Act = Callable[[Context, Place], Any]


def new_task(place: Place) -> NewTask:
    return NewTask(name="new", command="df -h", server_id=place.server.id, cron_expr="@once")


# What needs the role operator on a server; the last ones end what the others need.
ACTS: dict[str, Act] = {
    "create a task": lambda ctx, place: tasks.create(ctx, new_task(place)),
    "update a task": lambda ctx, place: tasks.update(ctx, place.task.id, TaskChange(name="renamed")),
    "disable a task": lambda ctx, place: tasks.set_enabled(ctx, place.task.id, False),
    "pause a task": lambda ctx, place: pauses.pause(ctx, place.task.id),
    "resume a task": lambda ctx, place: pauses.resume(ctx, place.task.id),
    "run a task": lambda ctx, place: executions.run_task(ctx, RunTask(task_id=place.task.id)),
    "run a command": lambda ctx, place: executions.run_command(
        ctx, RunCommand(server_id=place.server.id, command="df -h")
    ),
    "cancel a run": lambda ctx, place: executions.cancel(ctx, place.run.id),
    "delete a task": lambda ctx, place: tasks.delete(ctx, place.task.id),
}


async def outcome(act: Act, ctx: Context, place: Place) -> type[Exception] | None:
    try:
        await act(ctx, place)
    except (Forbidden, NotFound) as error:
        return type(error)
    return None


async def test_each_act_needs_an_operator_on_its_server_and_tells_of_no_other(granting: Granting) -> None:
    """Nothing granted at all; nothing here; too little here; enough."""
    steps: list[tuple[Any, type[Exception] | None]] = [
        (None, Forbidden),
        (lambda: granting.grant(Role.ADMIN, tag="web"), NotFound),
        (lambda: granting.grant(Role.VIEWER, granting.here), Forbidden),
        (lambda: granting.grant(Role.OPERATOR, granting.here), None),
    ]
    for step, expected in steps:
        if step is not None:
            await step()
        for name, act in ACTS.items():
            assert await outcome(act, granting.ctx, granting.here) is expected, (name, expected)


async def test_a_task_moves_only_between_servers_that_one_may_run_on(granting: Granting) -> None:
    moved = TaskChange(server_id=1)
    await granting.grant(Role.OPERATOR, tag="web")
    with pytest.raises(NotFound) as caught:
        await tasks.update(granting.ctx, granting.there.task.id, moved)
    assert caught.value.field == ("server_id",)
    with pytest.raises(NotFound):  # not what the policies there would say of it
        await tasks.update(granting.ctx, granting.there.task.id, TaskChange(server_id=1, command="sudo reboot"))
    await granting.grant(Role.VIEWER, granting.here)
    with pytest.raises(Forbidden):
        await tasks.update(granting.ctx, granting.there.task.id, moved)
    await granting.grant(Role.OPERATOR, granting.here)
    row = await tasks.update(granting.ctx, granting.there.task.id, moved)
    assert (row.server_id, row.updated_by) == (1, granting.desk.users[Role.NONE].id)


async def test_what_is_absent_and_what_is_not_seen_are_answered_alike(granting: Granting) -> None:
    await granting.grant(Role.OPERATOR, tag="web")
    for act in ACTS.values():
        told = []
        for place in (granting.here, absent(granting.here)):
            with pytest.raises(NotFound) as caught:
                await act(granting.ctx, place)
            ids = (place.server.id, place.task.id, place.run.id)
            told.append([word for word in caught.value.en.split() if word.strip(",") not in map(str, ids)])
        assert told[0] == told[1]


def absent(place: Place) -> Place:
    def elsewhere(row: Any) -> Any:
        return type("Row", (), {"id": 777})

    return Place(elsewhere(place.server), elsewhere(place.task), elsewhere(place.run))


async def test_a_key_of_before_shows_no_run_once_the_grant_is_taken(granting: Granting) -> None:
    await granting.grant(Role.OPERATOR, tag="web")
    grant = await granting.grant(Role.OPERATOR, granting.here)
    wanted = RunTask(task_id=granting.here.task.id, idempotency_key="k")
    run = await executions.run_task(granting.ctx, wanted)
    assert (await executions.run_task(granting.ctx, wanted)).id == run.id
    await granting.revoke(grant)
    with pytest.raises(NotFound):
        await executions.run_task(granting.ctx, wanted)
    await granting.grant(Role.VIEWER, granting.here)
    with pytest.raises(Forbidden):
        await executions.run_task(granting.ctx, wanted)


async def test_previews_and_checks_know_only_servers_that_are_seen(granting: Granting) -> None:
    await granting.grant(Role.VIEWER, tag="web")
    wanted = PreviewSchedule(cron_expr="@daily", timezone=None, count=1, start=None, dst="vixie", server_id=1)
    for draft in (CommandDraft(command="df", server_id=1), CommandDraft(command="df", task_id=granting.here.task.id)):
        with pytest.raises(NotFound):
            await commands.check_command(granting.ctx, draft)
    with pytest.raises(NotFound):
        await schedules.preview(granting.ctx, wanted)
    await commands.check_command(granting.ctx, CommandDraft(command="df", server_id=2))
    assert await rights.list_roles(granting.ctx, [1, 2]) == [Role.NONE, Role.VIEWER]


async def test_an_admin_by_a_grant_changes_the_server_but_not_whom_it_trusts(granting: Granting) -> None:
    ctx, credential = granting.ctx, NewCredential(password="another")
    await granting.grant(Role.ADMIN, granting.here)
    assert (await servers.update(ctx, 1, ServerChange(max_parallel=3, enabled=False))).max_parallel == 3
    for change in (
        ServerChange(tags=["web"]),
        ServerChange(host="elsewhere"),
        ServerChange(username="other"),
        ServerChange(host_key_alias="elsewhere"),
        ServerChange(legacy_algorithms=["aes-cbc"]),
    ):
        with pytest.raises(Forbidden):
            await servers.update(ctx, 1, change)
    assert (await servers.update(ctx, 1, ServerChange(host="elsewhere", credential=credential))).host == "elsewhere"
    with pytest.raises(NotFound):
        await servers.update(ctx, 2, ServerChange(max_parallel=3))
    for call in (
        servers.delete(ctx, 1),
        servers.create(ctx, granting.desk.new_server(name="mine")),
        users.create(ctx, "eve", "admin", "a long password"),
        users.update(ctx, granting.desk.users[Role.NONE].id, role="admin"),
        users.page(ctx, UserFilter(), PageRequest()),
        grants.give(ctx, granting.desk.users[Role.NONE].id, 2, None, "admin"),
        grants.revoke(ctx, 1),
    ):
        with pytest.raises(Forbidden):
            await call


async def test_a_grant_takes_the_place_of_the_one_before_it(granting: Granting) -> None:
    first = await granting.grant(Role.ADMIN, granting.here)
    second = await granting.grant(Role.VIEWER, granting.here)
    assert (second.id, second.role) == (first.id, Role.VIEWER)
    ids = [user.id for user in granting.desk.users.values()]
    assert sum(len(found or ()) for found in await grants.list_by_users(granting.desk.admin, ids)) == 1
    told = await grants.list_by_users(granting.ctx, ids)
    assert [found is None for found in told] == [user.name != "the.none" for user in granting.desk.users.values()]


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ((1, None, None, "viewer"), Invalid, "server_id"),
        ((1, 1, "web", "viewer"), Invalid, "server_id"),
        ((1, 1, None, "none"), Invalid, "role"),
        ((1, None, "a b", "viewer"), Invalid, "tag"),
        ((1, 77, None, "viewer"), NotFound, "server_id"),
        ((77, 1, None, "viewer"), NotFound, "user_id"),
    ],
)
async def test_a_grant_that_cannot_be_is_refused_by_its_field(
    desk: Desk, given: Any, error: type[Exception], field: str
) -> None:
    with pytest.raises(error) as caught:
        await grants.give(desk.admin, *given)
    assert caught.value.field == (field,)  # type: ignore[attr-defined]


async def test_no_grant_lifts_a_token_above_its_scope(granting: Granting) -> None:
    await granting.grant(Role.ADMIN, granting.here)
    for scope, expected in ((TokenScope.READ, Forbidden), (TokenScope.RUN, None)):
        made = await personal_tokens.create(granting.ctx, "t", scope, 1)
        viewer = await personal_tokens.load_viewer(granting.desk.service, made.token)
        ctx = Context(granting.desk.service, viewer)
        assert (await tasks.get(ctx, granting.here.task.id)).id == granting.here.task.id
        assert await outcome(ACTS["run a task"], ctx, granting.here) is expected
        assert await outcome(lambda ctx, place: servers.update(ctx, 1, ServerChange()), ctx, granting.here) is Forbidden


async def test_a_followed_output_ends_when_its_grant_is_taken(
    granting: Granting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "POLL_SECONDS", 0.05)
    with pytest.raises(NotFound):
        await anext(output.follow(granting.ctx, granting.here.run.id))
    grant = await granting.grant(Role.VIEWER, granting.here)
    async with aclosing(output.follow(granting.ctx, granting.here.run.id)) as events:
        await anext(events)
        await granting.revoke(grant)
        with pytest.raises(NotFound):
            await anext(events)
    for call in (output.read, output.load_decoders):
        with pytest.raises(NotFound):
            await call(granting.ctx, granting.here.run.id, None, *((10,) if call is output.read else ()))


async def test_watched_lists_follow_the_grants(granting: Granting, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (updates, slots):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.05)
    watched: list[Any] = []
    await granting.grant(Role.VIEWER, tag="web")
    grant = await granting.grant(Role.VIEWER, granting.here)

    async def watch(events: Any) -> None:
        async with aclosing(events):
            async for event in events:
                watched.append(event)

    followed = (updates.follow(granting.ctx, ExecutionFilter()), slots.follow(granting.ctx, SlotFilter()))
    watchers = [asyncio.create_task(watch(events)) for events in followed]
    await made_until(granting, lambda: places(watched) >= {(1, "run"), (1, "slot"), (2, "run"), (2, "slot")})
    await granting.revoke(grant)
    await made_until(granting, lambda: True)
    watched.clear()
    await made_until(granting, lambda: places(watched) >= {(2, "run"), (2, "slot")})
    assert places(watched) == {(2, "run"), (2, "slot")}
    for watcher in watchers:
        watcher.cancel()
    await asyncio.wait(watchers)


async def made_until(granting: Granting, enough: Callable[[], bool]) -> None:
    """Make a task that runs at once on each server, until it is enough."""
    async with asyncio.timeout(60):
        while True:
            for place in (granting.here, granting.there):
                await tasks.create(granting.desk.operator, new_task(place))
            await asyncio.sleep(0.1)  # the watchers' turn
            if enough():
                return


def places(watched: list[Any]) -> set[tuple[int, str]]:
    """The servers of what was told. Tasks were made in turn on server 1 and on server 2: an even id is on 2."""
    return {(2 - row.task_id % 2, "slot") if hasattr(row, "outcome") else (row.server_id, "run") for row in watched}


async def test_the_last_admin_stays_one(either_desk: Desk) -> None:
    first = either_desk.users[Role.ADMIN]
    changes: list[dict[str, Any]] = [{"role": "operator"}, {"disabled": True}, {"role": "none", "password": "x" * 9}]
    for change in changes:
        with pytest.raises(Conflict, match="last admin"):
            await users.update(either_desk.admin, first.id, **change)
        with pytest.raises(Conflict):
            await users.change(either_desk.service, first.id, role="viewer")
    second = await users.create(either_desk.admin, "second", "admin", "a long password")
    each = [users.update(either_desk.admin, id, role="viewer") for id in (first.id, second.id)]
    found = await asyncio.gather(*each, return_exceptions=True)
    assert sorted(type(item).__name__ for item in found) == ["Conflict", "Row"]
