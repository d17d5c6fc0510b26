"""Fleet tasks: made, changed and started, by those whose role holds everywhere."""

from typing import Any

import pytest

from db.values import OnRefused, Overlap, Role
from resolvers import executions, fleet_plan, fleet_starts, grants, tasks
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound
from resolvers.fleet_inputs import FleetCommand, FleetRequest, StartFleetRun
from resolvers.inputs import FleetTerms, NewTask, RunTask, SelectServers, TaskChange, TermsChange
from tests.support.desk import Desk
from tests.support.fleets import add_servers, list_members

pytestmark = pytest.mark.anyio

WEB = SelectServers(tags_all=["web"])


async def add_task(desk: Desk, **changes: Any) -> Any:
    usual: dict[str, Any] = {"name": "everywhere", "command": "df -h", "cron_expr": "0 3 * * *", "selector": WEB}
    return (await tasks.create(desk.operator, NewTask(**usual | changes))).task


async def test_a_fleet_task_is_kept_as_it_was_given(either_desk: Desk) -> None:
    terms = FleetTerms(batch_size={"percent": 10}, pause_seconds=5, stop_after={"failures": 3})
    made = await add_task(either_desk, fleet=terms)
    row = await tasks.get(either_desk.viewer, made.id)
    assert (row.server_id, row.selector) == (None, {"tags_all": ["web"]})
    assert row.fleet_terms == {
        "batch_size": {"percent": 10},
        "pause_seconds": 5,
        "stop_after": {"failures": 3},
        "on_refused": OnRefused.SKIP,
    }


WRONG: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"server_id": 1}, ("selector",)),
    ({"selector": None}, ("server_id",)),
    ({"selector": SelectServers()}, ("selector",)),
    ({"selector": SelectServers(tags_all=["no tag"])}, ("selector", "tags_all")),
    ({"fleet": FleetTerms(batch_size={"servers": 0})}, ("batch_size",)),
    ({"fleet": FleetTerms(pause_seconds=-1)}, ("pause_seconds",)),
    ({"selector": None, "server_id": 1, "fleet": FleetTerms()}, ("fleet",)),
    ({"cron_expr": "@once"}, ("cron_expr",)),
    ({"terms": TermsChange(overlap=Overlap.REPLACE)}, ("terms", "overlap")),
    ({"terms": TermsChange(retry_limit=1)}, ("terms", "retry_limit")),
    ({"terms": TermsChange(start_deadline_seconds=60)}, ("terms", "start_deadline_seconds")),
]


@pytest.mark.parametrize(("changes", "field"), WRONG)
async def test_what_is_wrong_is_named(desk: Desk, changes: dict[str, Any], field: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        await add_task(desk, **changes)
    assert caught.value.field == field


@pytest.mark.parametrize("terms", [TermsChange(retry_limit=1), TermsChange(overlap=Overlap.REPLACE)])
async def test_a_change_is_held_to_the_same(desk: Desk, terms: TermsChange) -> None:
    made = await add_task(desk)
    with pytest.raises(Invalid) as caught:
        await tasks.update(desk.operator, made.id, TaskChange(terms=terms))
    assert caught.value.field[0] == "terms"


async def test_a_task_becomes_a_fleet_task_and_one_of_a_server_again(either_desk: Desk) -> None:
    made = (await either_desk.task()).task
    there = await tasks.update(either_desk.operator, made.id, TaskChange(selector=WEB))
    assert (there.server_id, there.selector) == (None, {"tags_all": ["web"]})
    changed = await tasks.update(either_desk.operator, made.id, TaskChange(fleet=FleetTerms(pause_seconds=7)))
    assert (changed.selector, changed.fleet_terms["pause_seconds"]) == ({"tags_all": ["web"]}, 7)
    back = await tasks.update(either_desk.operator, made.id, TaskChange(server_id=1))
    assert (back.server_id, back.selector, back.fleet_terms) == (1, None, {})


async def test_a_grant_is_not_enough(desk: Desk) -> None:
    made = await add_task(desk)
    await grants.give(desk.admin, desk.users[Role.NONE].id, 1, None, Role.OPERATOR)
    granted = desk.as_a(Role.NONE)
    with pytest.raises(Forbidden, match="on every server"):
        await tasks.create(granted, NewTask(name="x", command="df", cron_expr="@manual", selector=WEB))
    with pytest.raises(NotFound):
        await tasks.update(granted, made.id, TaskChange(name="mine"))


async def test_run_task_says_how_a_fleet_task_is_started(desk: Desk) -> None:
    made = await add_task(desk)
    with pytest.raises(Conflict, match="startFleetRun"):
        await executions.run_task(desk.operator, RunTask(task_id=made.id))


async def test_a_start_without_a_selector_takes_the_tasks(either_desk: Desk) -> None:
    servers = await add_servers(either_desk, 3)
    made = await add_task(either_desk, fleet=FleetTerms(batch_size={"servers": 1}, pause_seconds=9))
    request = FleetRequest(task_id=made.id)
    plan = await fleet_plan.plan(either_desk.operator, request)
    assert [each.server.id for each in plan.servers] == [row.id for row in servers]
    order = StartFleetRun(request=request, plan_digest=plan.digest, pause_seconds=2)
    run = await fleet_starts.start(either_desk.operator, order)
    assert (run.task_id, run.batch_size, run.pause_seconds, run.on_refused) == (
        made.id,
        {"servers": 1},
        2,
        OnRefused.SKIP,
    )
    assert [member.state for member in await list_members(either_desk, run.id)] == ["STARTED", "WAITING", "WAITING"]


async def test_a_start_needs_a_selector_where_the_task_has_none(desk: Desk) -> None:
    made = (await desk.task()).task
    for request in (FleetRequest(task_id=made.id), FleetRequest(command=FleetCommand(command="df"))):
        with pytest.raises(Invalid) as caught:
            await fleet_starts.start(desk.operator, StartFleetRun(request=request))
        assert caught.value.field == ("selector",)
