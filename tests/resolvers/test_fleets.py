"""Fleet runs: one piece of work on many servers, planned, started, cancelled and repeated under rights."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from db import fleets as fleet_table
from db.executions import ExecutionFilter
from db.fleets import FleetRunFilter, MemberFilter
from db.models import TaskExecution
from db.values import FleetReason, FleetState, MemberState, OnRefused, Reason, Refusal, Role, State, Trigger
from resolvers import executions, fleet_plan, fleets, grants, policies, servers, tasks
from resolvers.context import Context
from resolvers.errors import CommandRefused, Conflict, Forbidden, Invalid, NotFound, ServersRefused
from resolvers.fleet_inputs import FleetRequest, RetryFleetRun
from resolvers.inputs import SecretVariable, SelectServers, ServerChange, TaskChange
from resolvers.paging import PageRequest
from resolvers.policies import PolicyChange
from runner.admission import decision
from runner.fleet.moves import advance
from runner.secrets.secret import Secret
from tests.support.desk import NOON, Desk
from tests.support.fleets import add_servers, ask, count_statements, list_members, start

pytestmark = pytest.mark.anyio
NO_UPTIME = """
["site.no-uptime"]
severity = "deny"
en = "Nobody asks for the uptime."
zh = "不要查询运行时间。"
when = [{ program = "uptime" }]
"""
WEB: dict[str, Any] = {"tags_all": ["web"]}


async def give(desk: Desk, role: Role, **target: Any) -> Context:
    """The context of the user without a role of their own, who is granted this one on a server or a tag."""
    user = desk.users[Role.NONE]
    await grants.give(desk.admin, user.id, target.get("server_id"), target.get("tag"), role)
    return desk.as_a(Role.NONE)


async def end_all(desk: Desk, state: State = State.SUCCESS, **changes: Any) -> list[TaskExecution]:
    """Claim and end what is pending."""
    waiting = [row for row in await desk.executions() if row.state == State.PENDING]
    for _ in waiting:
        await desk.finish(await desk.claimed(), state, **changes)
    return waiting


async def test_a_command_is_requested_on_each_selected_server(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 4)
    row = await start(desk, **WEB)
    assert (row.state, row.size, row.started, row.command) == (FleetState.RUNNING, 4, 4, "uptime")
    found = await desk.executions()
    assert sorted((each.server_id, each.command, each.state) for each in found) == [
        (id, "uptime", State.PENDING) for id in (2, 3, 4, 5)
    ]
    assert {each.fleet_run_id for each in found} == {row.id}
    assert {each.created_by for each in found} == {desk.users[Role.OPERATOR].id}
    assert {(each.trigger, each.timeout_seconds, each.created_at) for each in found} == {
        (Trigger.API, 300, desk.clock.now)
    }
    (counts,) = await fleets.count_many(desk.viewer, [row.id])
    assert (counts.size, counts.pending, counts.refused) == (4, 4, 0)


async def test_a_task_runs_as_it_is_now_with_its_variables_and_limits(desk: Desk) -> None:
    await add_servers(desk, 2)
    task = (await desk.task(env={"A": "1"}, timeout_seconds=9, working_dir="/srv", run_mode="attached")).task
    row = await start(desk, task_id=task.id, **WEB)
    assert {(each.task_id, each.command, each.trigger) for each in await desk.executions()} == {
        (task.id, "df -h", Trigger.MANUAL)
    }
    assert {(each.timeout_seconds, each.working_dir, each.mode) for each in await desk.executions()} == {
        (9, "/srv", "attached")
    }
    assert row.task_id == task.id
    assert (await tasks.get(desk.viewer, task.id)).last_run == desk.clock.now


async def test_the_statements_of_a_start_do_not_grow_with_the_servers(either_desk: Desk) -> None:
    await add_servers(either_desk, 5)
    await add_servers(either_desk, 1000, tags=["many"])
    with count_statements() as few:
        await start(either_desk, **WEB)
    with count_statements() as many:
        row = await start(either_desk, tags_all=["many"])
    assert row.size == 1000
    assert len(many) == len(few) < 20


async def test_each_condition_of_a_selector_narrows_the_servers(desk: Desk) -> None:
    await add_servers(desk, 2, tags=["web", "eu"])
    await add_servers(desk, 2, tags=["db", "eu"])
    for given, ids in (
        ({"tags_all": ["eu", "web"]}, [2, 3]),
        ({"tags_any": ["db", "web"]}, [2, 3, 4, 5]),
        ({"tags_any": ["eu"], "tags_none": ["web"]}, [4, 5]),
        ({"name_contains": "DB-e"}, [4, 5]),
        ({"name_contains": ""}, [1, 2, 3, 4, 5]),
        ({"ids": [5, 2], "tags_all": ["web"]}, [2]),
    ):
        plan = await fleet_plan.plan(desk.operator, ask(**given))
        assert [each.server.id for each in plan.servers] == ids, given


BAD: list[tuple[FleetRequest, tuple[str, ...]]] = [
    (FleetRequest(selector=SelectServers(ids=[1])), ("work",)),
    (ask(), ("selector",)),
    (ask(tags_all=["nothing"]), ("selector",)),
    (ask(tags_all=[]), ("selector", "tags_all")),
    (ask(tags_any=["a b"]), ("selector", "tags_any")),
    (ask(ids=[]), ("selector", "ids")),
    (ask(ids=[0]), ("selector",)),
    (ask(ids=[1, 99]), ("selector", "ids")),
    (ask("", ids=[1]), ("work", "command", "command")),
    (ask(task_id=99, ids=[1]), ("work", "task_id")),
]


@pytest.mark.parametrize(("request_", "field"), BAD)
async def test_a_bad_request_is_refused_by_its_field(
    shared_desk: Desk, request_: FleetRequest, field: tuple[str, ...]
) -> None:
    with pytest.raises((Invalid, NotFound)) as caught:
        await fleet_plan.plan(shared_desk.operator, request_)
    assert caught.value.field == field
    assert caught.value.chinese != caught.value.en


TERMS: list[tuple[dict[str, Any], str]] = [
    ({"batch_size": {"servers": 0}}, "batch_size"),
    ({"batch_size": {"percent": 101}}, "batch_size"),
    ({"batch_size": {}}, "batch_size"),
    ({"batch_size": {"servers": 1, "percent": 1}}, "batch_size"),
    ({"stop_after": {"failures": 0}}, "stop_after"),
    ({"pause_seconds": -1}, "pause_seconds"),
    ({"pause_seconds": 86_401}, "pause_seconds"),
    ({"on_refused": "maybe"}, "on_refused"),
    ({"plan_digest": "short"}, "plan_digest"),
    ({"idempotency_key": ""}, "idempotency_key"),
]


@pytest.mark.parametrize(("terms", "field"), TERMS)
async def test_bad_terms_are_refused_by_their_field(shared_desk: Desk, terms: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        await start(shared_desk, ids=[1], terms=terms)
    assert caught.value.field == (field,)


async def test_a_plan_names_each_refused_server_with_its_reason(desk: Desk) -> None:
    await add_servers(desk, 3)
    await add_servers(desk, 1, tags=["other"])
    window = {"from": NOON - timedelta(hours=1), "until": NOON + timedelta(hours=1)}
    await servers.update(desk.admin, 3, ServerChange(enabled=False))
    await servers.update(desk.admin, 4, ServerChange(blackouts=[window]))
    await policies.set_for_server(desk.admin, 2, PolicyChange(extra=NO_UPTIME))
    caller = await give(desk, Role.OPERATOR, tag="web")
    await give(desk, Role.VIEWER, tag="other")
    plan = await fleet_plan.plan(caller, ask(name_contains=""))
    found = {each.server.id: each.refusal and each.refusal.kind for each in plan.servers}
    assert found[2] == Refusal.REFUSED_BY_POLICY
    assert found[3] == Refusal.DISABLED
    assert found[4] == Refusal.BLACKOUT
    assert found[5] == Refusal.NOT_ALLOWED
    assert 1 not in found
    assert all(each.refusal.zh != each.refusal.en for each in plan.refused if each.refusal)


async def test_the_policy_decides_once_for_servers_with_the_same_policy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_servers(desk, 20)
    for id in (2, 3, 4):
        await policies.set_for_server(desk.admin, id, PolicyChange(mode="strict"))
    asked: list[int] = []

    def decide(*given: Any) -> Any:
        asked.append(1)
        return real(*given)

    real = decision.decide
    monkeypatch.setattr(decision, "decide", decide)
    await fleet_plan.plan(desk.operator, ask(**WEB))
    assert len(asked) == 2


async def test_nothing_is_started_if_a_server_is_refused_and_the_error_lists_them(desk: Desk) -> None:
    await add_servers(desk, 3)
    await servers.update(desk.admin, 3, ServerChange(enabled=False))
    with pytest.raises(ServersRefused) as caught:
        await start(desk, **WEB)
    assert [each.server.id for each in caught.value.refused] == [3]
    assert "web-1 (it is disabled)" in caught.value.en
    assert "SKIP" in caught.value.chinese
    assert not await desk.executions()


async def test_refused_servers_are_skipped_if_that_is_wanted(desk: Desk) -> None:
    await add_servers(desk, 3)
    await servers.update(desk.admin, 3, ServerChange(enabled=False))
    row = await start(desk, terms={"on_refused": OnRefused.SKIP}, **WEB)
    assert [(each.server_id, each.state, each.refusal) for each in await list_members(desk, row.id)] == [
        (2, MemberState.STARTED, None),
        (3, MemberState.REFUSED, Refusal.DISABLED),
        (4, MemberState.STARTED, None),
    ]
    assert [each.server_id for each in await list_members(desk, row.id, states=("REFUSED",))] == [3]
    assert [each.server_id for each in await desk.executions()] == [2, 4]


async def test_a_command_that_is_refused_everywhere_is_refused_as_one(desk: Desk) -> None:
    await add_servers(desk, 2)
    with pytest.raises(CommandRefused):
        await start(desk, command="sudo reboot", terms={"on_refused": OnRefused.SKIP}, **WEB)


async def test_a_start_with_the_digest_of_an_unchanged_plan_is_carried_out(either_desk: Desk) -> None:
    await add_servers(either_desk, 3)
    plan = await fleet_plan.plan(either_desk.operator, ask(**WEB))
    either_desk.clock.forward(60)
    row = await start(either_desk, terms={"plan_digest": plan.digest}, **WEB)
    assert row.plan_digest == plan.digest


async def change_nothing_but_the_command(desk: Desk) -> dict[str, Any]:
    return {"command": "uptime -p"}


async def add_one(desk: Desk) -> dict[str, Any]:
    await add_servers(desk, 1, tags=["web", "new"])
    return {}


async def delete_one(desk: Desk) -> dict[str, Any]:
    await servers.delete(desk.admin, 3)
    return {}


async def disable_one(desk: Desk) -> dict[str, Any]:
    await servers.update(desk.admin, 3, ServerChange(enabled=False))
    return {"terms": {"on_refused": OnRefused.SKIP}}


async def move_one(desk: Desk) -> dict[str, Any]:
    await servers.update(desk.admin, 3, ServerChange(username="other"))
    return {}


async def set_a_policy(desk: Desk) -> dict[str, Any]:
    await policies.set_for_server(desk.admin, 3, PolicyChange(mode="strict"))
    return {}


@pytest.mark.parametrize(
    ("change", "words", "chinese"),
    [
        (change_nothing_but_the_command, "the command or the task was changed", "命令或任务已更改"),
        (add_one, "servers added: web-new-0", "新增的服务器"),
        (delete_one, "servers gone: web-1", "已不在的服务器：web-1"),
        (disable_one, "servers now refused: web-1", "现在被拒绝的服务器：web-1"),
        (move_one, "servers with another address or account: web-1", "地址或账号已更改的服务器：web-1"),
        (set_a_policy, "servers with another command policy: web-1", "命令策略已更改的服务器：web-1"),
    ],
)
async def test_a_start_by_a_digest_is_refused_and_says_what_has_changed(
    desk: Desk, change: Any, words: str, chinese: str
) -> None:
    await add_servers(desk, 3)
    plan = await fleet_plan.plan(desk.operator, ask(**WEB))
    given = {"terms": {}} | WEB | await change(desk)
    with pytest.raises(Conflict, match=words) as caught:
        await start(desk, **given | {"terms": given["terms"] | {"plan_digest": plan.digest}})
    assert caught.value.field == ("plan_digest",)
    assert chinese in caught.value.chinese
    assert not await desk.executions()


async def test_a_changed_task_changes_the_digest(desk: Desk) -> None:
    await add_servers(desk, 1)
    task = (await desk.task()).task
    plan = await fleet_plan.plan(desk.operator, ask(task_id=task.id, **WEB))
    await tasks.update(desk.operator, task.id, TaskChange(name="renamed"))
    assert (await fleet_plan.plan(desk.operator, ask(task_id=task.id, **WEB))).digest == plan.digest
    await tasks.update(desk.operator, task.id, TaskChange(command="df"))
    with pytest.raises(Conflict, match="the command or the task was changed"):
        await start(desk, task_id=task.id, terms={"plan_digest": plan.digest}, **WEB)


async def test_a_digest_that_nobody_remembers_is_refused_with_a_sentence(desk: Desk) -> None:
    await add_servers(desk, 1)
    with pytest.raises(Conflict, match="not known any more"):
        await start(desk, terms={"plan_digest": "0" * 64}, **WEB)


async def test_a_server_that_changes_between_plan_and_store_is_planned_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_servers(desk, 2)
    build, calls = fleet_plan.build, []

    async def build_and_disable(*given: Any) -> Any:
        found = await build(*given)
        calls.append(found)
        if len(calls) == 1:
            await servers.update(desk.admin, 3, ServerChange(enabled=False))
        return found

    monkeypatch.setattr(fleet_plan, "build", build_and_disable)
    row = await start(desk, terms={"on_refused": OnRefused.SKIP}, **WEB)
    assert len(calls) == 2
    assert [each.state for each in await list_members(desk, row.id)] == [MemberState.STARTED, MemberState.REFUSED]


async def test_a_key_starts_one_fleet_run_however_often_it_is_sent(either_desk: Desk) -> None:
    await add_servers(either_desk, 2)
    terms = {"idempotency_key": "once"}
    first = await start(either_desk, terms=terms, **WEB)
    await servers.update(either_desk.admin, 3, ServerChange(enabled=False))
    assert (await start(either_desk, terms=terms, **WEB)).id == first.id
    assert len(await either_desk.executions()) == 2
    for other in ({"command": "df"}, {"terms": terms | {"pause_seconds": 5}}, {"tags_all": ["web", "x"]}):
        with pytest.raises(Conflict, match="another fleet run"):
            await start(either_desk, **{"terms": terms} | WEB | other)


async def test_secret_values_and_input_are_sealed_and_forgotten_at_the_end(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 2)
    secret = [SecretVariable(name="TOKEN", value=Secret("a secret value"))]
    row = await start(desk, secret_env=secret, stdin=b"the input", **WEB)
    assert row.sealed_stdin is not None
    assert b"the input" not in row.sealed_stdin
    assert [each.sealed_env for each in await desk.executions()] == [row.sealed_env] * 2
    await end_all(desk, State.FAILED)
    await desk.service.store.run(advance, row.id, desk.clock.now)
    ended = await fleets.get(desk.viewer, row.id)
    assert (ended.state, ended.sealed_env, ended.sealed_stdin) == (FleetState.FAILED, None, None)
    with pytest.raises(Conflict, match="not kept"):
        await fleets.retry(desk.operator, RetryFleetRun(id=row.id, reasons=[Reason.EXIT_STATUS]))


async def test_a_cancelled_fleet_run_starts_no_more_and_stops_what_runs(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 4)
    row = await start(desk, terms={"batch_size": {"servers": 2}}, **WEB)
    running = await desk.claimed()
    await fleets.cancel(desk.operator, row.id)
    await fleets.cancel(desk.operator, row.id)
    first, second = sorted(await desk.executions(), key=lambda each: each.id)
    assert (first.id, first.state, first.cancel_at) == (running.id, State.RUNNING, desk.clock.now)
    assert (second.state, second.cancelled_by) == (State.CANCELLED, desk.users[Role.OPERATOR].id)
    assert [each.state for each in await list_members(desk, row.id)] == [
        MemberState.STARTED,
        *[MemberState.NOT_STARTED] * 3,
    ]
    await desk.finish(running, State.CANCELLED, reason=Reason.CANCELLED, exit_code=None)
    await desk.service.store.run(advance, row.id, desk.clock.now)
    ended = await fleets.get(desk.viewer, row.id)
    assert (ended.state, ended.reason) == (FleetState.CANCELLED, FleetReason.CANCELLED)
    with pytest.raises(Conflict, match="ended already"):
        await fleets.cancel(desk.operator, row.id)


async def test_a_retry_runs_where_the_named_reasons_say_and_nowhere_else(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 4)
    await servers.update(desk.admin, 5, ServerChange(enabled=False))
    row = await start(desk, terms={"on_refused": OnRefused.SKIP}, env={"A": "1"}, **WEB)
    for state, reason in (
        (State.SUCCESS, Reason.EXIT_STATUS),
        (State.FAILED, Reason.UNREACHABLE),
        (State.FAILED, Reason.LOST),
    ):
        await desk.finish(await desk.claimed(), state, reason=reason)
    await servers.update(desk.admin, 5, ServerChange(enabled=True))
    wanted = RetryFleetRun(id=row.id, reasons=[Reason.UNREACHABLE], idempotency_key="again")
    again = await fleets.retry(desk.operator, wanted)
    assert (again.retry_of, again.size) == (row.id, 1)
    assert [each.server_id for each in await list_members(desk, again.id)] == [3]
    assert (await fleets.retry(desk.operator, wanted)).id == again.id
    with pytest.raises(Conflict, match="another fleet run"):
        await fleets.retry(desk.operator, replace(wanted, reasons=[Reason.LOST]))
    more = await fleets.retry(desk.operator, RetryFleetRun(id=row.id, reasons=[Reason.LOST], not_started=True))
    assert [each.server_id for each in await list_members(desk, more.id)] == [4, 5]
    assert {(each.command, each.env["A"]) for each in await desk.executions()} == {("uptime", "1")}
    with pytest.raises(Conflict, match="no server to run on again"):
        await fleets.retry(desk.operator, RetryFleetRun(id=row.id, reasons=[Reason.TIMEOUT]))


async def test_who_has_grants_sees_and_starts_on_their_servers_alone(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 2, tags=["web", "mine"])
    await add_servers(desk, 2)
    everywhere = await start(desk, **WEB)
    caller = await give(desk, Role.OPERATOR, tag="mine")
    mine = await start(desk, caller, **WEB)
    assert mine.size == 2
    for id, size in ((everywhere.id, 2), (mine.id, 2)):
        (counts,) = await fleets.count_many(caller, [id])
        assert counts.size == size
    members = await fleets.page_members(caller, MemberFilter(everywhere.id), PageRequest())
    assert [each.server_id for each in members.rows] == [2, 3]
    shown = await executions.page(caller, ExecutionFilter(fleet_run_id=everywhere.id), PageRequest())
    assert {each.server_id for each in shown.rows} == {2, 3}
    hidden = await start(desk, tags_all=["web"], tags_none=["mine"])
    with pytest.raises(NotFound):
        await fleets.get(caller, hidden.id)
    listed = await fleets.page(caller, FleetRunFilter(), PageRequest(descending=True))
    assert [each.id for each in listed.rows] == [mine.id, everywhere.id]
    with pytest.raises(Forbidden, match="every server"):
        await fleets.cancel(caller, everywhere.id)
    assert (await fleets.cancel(caller, mine.id)).cancel_at == desk.clock.now


async def test_a_viewer_starts_nothing_and_one_without_rights_sees_nothing(desk: Desk) -> None:
    await add_servers(desk, 2)
    row = await start(desk, **WEB)
    for caller in (desk.viewer, desk.as_a(Role.NONE)):
        with pytest.raises(Forbidden):
            await start(desk, caller, **WEB)
        with pytest.raises(Forbidden):
            await fleets.cancel(caller, row.id)
        with pytest.raises(Forbidden):
            await fleets.retry(caller, RetryFleetRun(id=row.id, reasons=[Reason.LOST]))
    with pytest.raises(NotFound):
        await fleets.get(desk.as_a(Role.NONE), row.id)
    assert not (await fleets.page(desk.as_a(Role.NONE), FleetRunFilter(), PageRequest())).rows


async def test_a_task_takes_its_secrets_only_where_its_own_server_is_the_callers_too(desk: Desk) -> None:
    await add_servers(desk, 1)
    task = (await desk.task(secret_env=[SecretVariable(name="TOKEN", value=Secret("a secret value"))])).task
    caller = await give(desk, Role.OPERATOR, tag="web")
    await give(desk, Role.VIEWER, server_id=1)
    with pytest.raises(Forbidden):
        await start(desk, caller, task_id=task.id, **WEB)


async def test_fleet_runs_and_members_are_listed_page_by_page(desk: Desk) -> None:
    await add_servers(desk, 3)
    rows = [await start(desk, **WEB) for _ in range(3)]
    page = await fleets.page(desk.viewer, FleetRunFilter(), PageRequest(first=2, descending=True))
    assert [row.id for row in page.rows] == [rows[2].id, rows[1].id]
    rest = await fleets.page(desk.viewer, FleetRunFilter(), PageRequest(after=page.cursors[-1], descending=True))
    assert [row.id for row in rest.rows] == [rows[0].id]
    members = await fleets.page_members(desk.viewer, MemberFilter(rows[0].id), PageRequest(last=2))
    assert [each.server_id for each in members.rows] == [3, 4]
    before = PageRequest(last=2, before=members.cursors[0])
    assert [
        each.server_id for each in (await fleets.page_members(desk.viewer, MemberFilter(rows[0].id), before)).rows
    ] == [2]
    assert await desk.service.store.read(fleet_table.list_open_ids, 10) == [row.id for row in rows]
