"""The audit: one event for each thing that was done or refused, in its transaction, with no secret in it."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest

from db import audit as table
from db import servers
from db.audit_models import AuditEvent
from resolvers import audit, executions, tasks, users
from resolvers.audit import ChainProgress
from resolvers.errors import CommandRefused, Forbidden, NotFound
from resolvers.inputs import RunCommand, RunTask, TaskChange
from runner.checks.requests import ADDRESS as CHECKS
from runner.checks.requests import CheckReport, CheckStep, StepResult, StepStatus, format_report
from runner.ssh import scan_requests
from schema.build import build_schema
from tests.support.keys import PLAIN
from tests.support.listed_rows import add_executions, add_tasks
from tests.support.rest import PASSWORD
from tests.support.service import Running

pytestmark = pytest.mark.anyio

SECRET = "swordfish-4711"
SCHEMA = build_schema()._schema
DENIED = "sudo reboot"


@dataclass(frozen=True)
class Case:
    """A mutation by GraphQL, and the event that it leaves. `SERVER`, `TASK` and `RUN` stand for ids of objects."""

    kind: str
    role: str
    input: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


ENV = [{"name": "A_SECRET", "value": SECRET}]
SECRET_ENV = [{"name": "ANOTHER", "value": SECRET}]
CASES: dict[str, Case] = {
    "createServer": Case(
        "server-created",
        "admin",
        {"name": "new", "host": "h.example", "username": "u", "hostKeys": "KEYS", "credential": {"password": SECRET}},
        after={"name": "new", "host": "h.example", "credential_kind": "password"},
    ),
    "scanHostKeys": Case(
        "server-keys-scanned", "admin", {"host": "127.0.0.1", "port": 1}, after={"host": "127.0.0.1", "port": 1}
    ),
    "checkServer": Case("server-checked", "operator", {"id": "SERVER"}, after={"ready": True, "steps": {}}),
    "updateServer": Case(
        "server-updated",
        "admin",
        {"id": "SERVER", "port": 2222, "credential": {"password": SECRET}},
        before={"port": 1, "credential_kind": "key"},
        after={"port": 2222, "credential_kind": "password", "credential": "replaced"},
    ),
    "createTask": Case(
        "task-created",
        "operator",
        {"name": "new", "command": "df -h", "serverId": "SERVER", "cronExpr": "@once", "env": ENV},
        after={"name": "new", "command": "df -h", "env": ["A_SECRET"], "execution_id": ...},
    ),
    "updateTask": Case(
        "task-updated",
        "operator",
        {"id": "TASK", "name": "renamed", "env": ENV, "secretEnv": SECRET_ENV},
        before={"name": "task 0", "env": [], "secret_env": {}},
        after={
            "name": "renamed",
            "env": ["A_SECRET"],
            "env_changed": ["A_SECRET"],
            "secret_env": {"ANOTHER": None},
            "sealed_env_changed": ["ANOTHER"],
        },
    ),
    "setTaskEnabled": Case(
        "task-updated", "operator", {"id": "TASK", "enabled": False}, before={"enabled": True}, after={"enabled": False}
    ),
    "pauseTask": Case("task-paused", "operator", {"id": "TASK"}, before={"paused_at": None}, after={"paused_at": ...}),
    "resumeTask": Case("task-resumed", "operator", {"id": "TASK"}, before={}, after={}),
    "deleteTask": Case("task-deleted", "operator", {"id": "TASK"}, before={"name": "task 0", "command": "df -h"}),
    "runTask": Case(
        "execution-started",
        "operator",
        {"taskId": "TASK"},
        after={"command": "df -h", "trigger": "manual", "task_id": ...},
    ),
    "runCommand": Case(
        "execution-started",
        "operator",
        {"serverId": "SERVER", "command": "uptime", "env": ENV, "secretEnv": SECRET_ENV},
        after={"command": "uptime", "trigger": "api", "env": ["A_SECRET"], "secret_env": {"ANOTHER": None}},
    ),
    "createSecret": Case(
        "secret-created", "admin", {"name": "db", "value": SECRET}, after={"name": "db", "server_id": None}
    ),
    "updateSecret": Case("secret-replaced", "admin", {"id": "1", "value": SECRET + "!"}, after={"name": "db"}),
    "deleteSecret": Case("secret-deleted", "admin", {"id": "1"}, before={"name": "db"}),
    "cancelExecution": Case("execution-cancelled", "operator", {"id": "RUN"}, after={"outcome": "cancelled"}),
    "startFleetRun": Case(
        "fleet-run-started",
        "operator",
        {"work": {"command": {"command": "uptime", "env": ENV}}, "selector": {"nameContains": ""}},
        after={"command": "uptime", "env": ["A_SECRET"], "refused": 0, "plan_digest": ...},
    ),
    "cancelFleetRun": Case("fleet-run-cancelled", "operator", {"id": "1"}, after={"requested": 0}),
    "retryFleetRun": Case(
        "fleet-run-started", "operator", {"id": "1", "reasons": [], "notStarted": True}, after={"command": "uptime"}
    ),
    "setServerPolicy": Case(
        "server-policy-set", "admin", {"id": "SERVER", "allow": ["fs.dd"]}, after={"allow": ["fs.dd"], "version": ...}
    ),
    "setTaskPolicy": Case(
        "task-policy-set", "admin", {"id": "TASK", "mode": "STRICT"}, after={"mode": "strict", "extra": ""}
    ),
    "deleteServer": Case("server-deleted", "admin", {"id": "SERVER"}, before={"name": "a server", "port": 2222}),
    "createPersonalToken": Case(
        "token-created", "viewer", {"name": "for ci", "scope": "READ"}, after={"name": "for ci", "scope": "read"}
    ),
    "revokePersonalToken": Case("token-revoked", "viewer", {"id": "1"}, before={"name": "for ci"}),
    "login": Case("signed-in", "viewer", {"username": "the.viewer", "password": PASSWORD}),
    "logout": Case("signed-out", "viewer"),
    "createUser": Case(
        "user-added", "admin", {"name": "grace", "password": PASSWORD}, after={"name": "grace", "role": "none"}
    ),
    "updateUser": Case(
        "user-updated",
        "admin",
        {"id": "USER", "role": "VIEWER"},
        before={"role": "none"},
        after={"role": "viewer"},
    ),
    "grantRole": Case(
        "grant-given",
        "admin",
        {"userId": "USER", "role": "OPERATOR", "tag": "web"},
        after={"grant_id": 1, "tag": "web", "role": "operator"},
    ),
    "revokeGrant": Case("grant-revoked", "admin", {"id": "1"}, before={"tag": "web", "role": "operator"}),
}
# Goes on with what was signed in for already.
UNRECORDED = {"refresh"}


async def events(api: Running, after: int = 0) -> list[AuditEvent]:
    return await api.service.store.read(table.list_after, after, 1000)


async def newest(api: Running) -> int:
    head = await api.service.store.read(table.find_head)
    return 0 if head is None else head.id


async def objects(api: Running) -> dict[str, Any]:
    (task,) = await add_tasks(api, 1)
    (run,) = await add_executions(api, 1, state="PENDING", reason=None, exit_code=None, end_time=None)
    ids = {"SERVER": api.server.id, "TASK": task, "RUN": run, "USER": api.users["none"].id}
    return {name: str(id) for name, id in ids.items()} | {"KEYS": list(api.server.host_keys)}


def contains(found: Any, expected: dict[str, Any] | None) -> bool:
    if expected is None:
        return found is None
    kept = json.loads(found)
    return all(name in kept and value in (..., kept[name]) for name, value in expected.items())


def test_every_mutation_has_its_event() -> None:
    assert SCHEMA.mutation_type is not None
    assert set(SCHEMA.mutation_type.fields) - UNRECORDED == set(CASES)


async def offer_no_key(request: dict[str, Any]) -> dict[str, Any]:
    """What a runner answers to a scan."""
    return {"keys": []}


async def check_nothing(request: dict[str, Any]) -> dict[str, Any]:
    """What a runner answers to a check of a server, all of whose steps were skipped."""
    return format_report(
        CheckReport(steps=tuple(StepResult(step=step, status=StepStatus.SKIPPED) for step in CheckStep))
    )


async def test_a_mutation_leaves_one_event_that_says_who_did_what_from_where(both: Running) -> None:
    for name, case in CASES.items():
        bus = both.service.bus
        async with bus.answering(scan_requests.ADDRESS, offer_no_key), bus.answering(CHECKS, check_nothing):
            event = await event_of(both, name, case)
        user = both.users[case.role]
        assert (event.kind, event.actor_id, event.actor) == (case.kind, user.id, user.name), name
        assert event.address == "127.0.0.1"
        assert contains(event.before, case.before), name
        assert contains(event.after, case.after), name
        assert event.object_kind == "user" or case.kind.startswith(str(event.object_kind))
        assert event.object_id is not None
        for secret in (SECRET, PASSWORD, "PRIVATE KEY"):
            assert secret not in str(event)


async def event_of(api: Running, name: str, case: Case) -> AuditEvent:
    """Do it by GraphQL: the one event that this leaves."""
    ids = await objects(api)
    given = {key: ids.get(value, value) if isinstance(value, str) else value for key, value in case.input.items()}
    seen = await newest(api)
    field: Any = SCHEMA.mutation_type and SCHEMA.mutation_type.fields[name]
    head = f"mutation($input: {field.args['input'].type}) {{ {name}(input: $input)" if given else f"mutation {{ {name}"
    found = await api.data(f"{head} {{ errors {{ message }} }} }}", case.role, **({"input": given} if given else {}))
    assert found[name]["errors"] == []
    (event,) = await events(api, seen)
    return event


async def test_neither_a_private_key_nor_its_sealed_form_is_in_the_audit(fresh: Running) -> None:
    query = "mutation($i: UpdateServerInput!) { updateServer(input: $i) { errors { message } } }"
    await fresh.data(query, "admin", i={"id": str(fresh.server.id), "credential": {"privateKey": PLAIN}})
    told = "".join(str(event) for event in await events(fresh))
    assert "PRIVATE" not in told
    sealed = await fresh.service.store.read(servers.by_id, fresh.server.id)
    assert sealed is not None
    assert sealed.credential
    assert str(sealed.credential)[2:40] not in told


async def test_a_change_that_fails_leaves_no_event(both: Running) -> None:
    (id,) = await add_tasks(both, 1)
    seen = await newest(both)
    with pytest.raises(NotFound):
        await tasks.update(both.context("operator"), id, TaskChange(server_id=999_999))
    with pytest.raises(NotFound):
        await tasks.delete(both.context("operator"), 999_999)
    assert await events(both, seen) == []


async def test_a_run_under_one_key_is_told_once_however_often_it_is_asked_for(both: Running) -> None:
    (id,) = await add_tasks(both, 1)
    seen, ctx = await newest(both), both.context("operator")
    rows = await asyncio.gather(*(executions.run_task(ctx, RunTask(task_id=id, idempotency_key="k")) for _ in range(8)))
    (event,) = await events(both, seen)
    assert {event.object_id} == {row.id for row in rows}


async def test_what_a_role_does_not_allow_is_told_with_who_tried_what(both: Running) -> None:
    (id,) = await add_tasks(both, 1)
    seen, ctx = await newest(both), both.context("viewer", address="192.0.2.7")
    with pytest.raises(Forbidden):
        await tasks.delete(ctx, id)
    (event,) = await events(both, seen)
    assert (event.kind, event.actor, event.address) == ("forbidden", "the.viewer", "192.0.2.7")
    assert (event.object_kind, event.object_id) == ("task", id)
    assert json.loads(event.after or "") == {"action": "tasks.delete"}


async def test_what_rest_does_not_allow_is_told_once(fresh: Running) -> None:
    seen = await newest(fresh)
    answer = await fresh.ask("DELETE", "/api/tasks/1", "viewer")
    assert answer.status_code == 403
    (event,) = await events(fresh, seen)
    assert (event.kind, event.actor, event.address) == ("forbidden", "the.viewer", "127.0.0.1")
    assert json.loads(event.after or "") == {"action": "DELETE /api/tasks/1"}


@pytest.mark.parametrize("id", [2**63, 2**200, -1])
async def test_an_object_that_cannot_be_is_no_hindrance_to_telling_of_a_refusal(both: Running, id: int) -> None:
    seen = await newest(both)
    with pytest.raises(Forbidden):
        await tasks.delete(both.context("viewer"), id)
    assert [event.object_id for event in await events(both, seen)] == [None]


async def test_a_wrong_password_is_told_of_the_user_and_an_unknown_name_is_not_repeated(both: Running) -> None:
    seen = await newest(both)
    query = "mutation($i: LoginInput!) { login(input: $i) { errors { code } } }"
    for name in ("the.viewer", SECRET):
        await both.data(query, None, i={"username": name, "password": "wrong"})
    known, unknown = await events(both, seen)
    assert (known.kind, known.actor, known.object_id) == ("sign-in-failed", "the.viewer", both.users["viewer"].id)
    assert (unknown.kind, unknown.actor, unknown.object_id) == ("sign-in-failed", None, None)
    assert unknown.address == "127.0.0.1"
    assert SECRET not in str(unknown)


async def test_what_the_machines_own_commands_do_to_users_is_told(both: Running) -> None:
    seen = await newest(both)
    user = await users.add(both.service, name="ada", role="operator", password=PASSWORD)
    await users.set_password(both.service, user.id, PASSWORD + "!")
    added, changed = await events(both, seen)
    assert (added.kind, added.object_id, added.actor, added.address) == ("user-added", user.id, None, "machine")
    assert json.loads(added.after or "") == {"name": "ada", "role": "operator", "disabled": False}
    assert (changed.kind, changed.object_id, changed.after) == ("password-changed", user.id, None)


async def test_only_admins_read_the_audit_and_the_tries_of_others_are_in_it(both: Running) -> None:
    for role in ("viewer", "operator"):
        with pytest.raises(Forbidden):
            await anext(audit.follow(both.context(role)))
    actions = [json.loads(event.after or "")["action"] for event in await events(both) if event.kind == "forbidden"]
    assert actions == ["audit.follow"] * 2


async def test_the_trail_tells_each_event_once_in_order_from_where_it_is_asked_to(both: Running) -> None:
    ctx = both.context("admin")
    (id,) = await add_tasks(both, 1)
    seen = await newest(both)
    await tasks.set_enabled(ctx, id, enabled=False)
    async with aclosing(audit.follow(ctx, seen)) as trail:
        assert (await anext(trail)).id == seen + 1
        changes = (tasks.set_enabled(ctx, id, enabled=bool(number % 2)) for number in range(5))
        await asyncio.gather(*changes)
        assert [(await anext(trail)).id for _ in range(5)] == [seen + 2 + number for number in range(5)]


async def test_the_trail_begins_with_what_happens_from_now_on(both: Running) -> None:
    (id,) = await add_tasks(both, 1)
    seen = await newest(both)
    async with aclosing(audit.follow(both.context("admin"))) as trail:
        coming = asyncio.create_task(anext(trail))
        while not coming.done():
            await tasks.set_enabled(both.context("admin"), id, enabled=True)
            await asyncio.wait([coming], timeout=0.05)
        assert (await coming).id > seen


async def test_the_walk_goes_over_all_of_the_chain_in_batches(both: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "BATCH", 3)
    (id,) = await add_tasks(both, 1)
    for number in range(8):
        await tasks.set_enabled(both.context("admin"), id, enabled=bool(number % 2))
    walked = [walk async for walk in audit.verify_chain(both.service)]
    head = await both.service.store.read(table.find_head)
    assert head is not None
    assert walked[-1] == ChainProgress(head.id, head.hash)
    assert len(walked) == -(-head.id // 3)


async def test_a_refused_command_is_told_with_its_text_and_the_rules_that_it_breaks(both: Running) -> None:
    seen = await newest(both)
    wanted = RunCommand(server_id=both.server.id, command=DENIED, env={"A": SECRET})
    with pytest.raises(CommandRefused):
        await executions.run_command(both.context("operator"), wanted)
    (event,) = await events(both, seen)
    assert (event.kind, event.object_kind, event.object_id) == ("command-refused", "server", both.server.id)
    kept = json.loads(event.after or "")
    assert (kept["action"], kept["command"]) == ("executions.run_command", DENIED)
    assert "privilege.sudo" in kept["rules"]
    assert SECRET not in str(event)
