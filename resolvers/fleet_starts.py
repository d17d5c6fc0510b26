"""Starts fleet runs: the plan as it is now, verified in the transaction that stores it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db import fleet_changes, fleets, tasks
from db.fleet_models import FleetRun
from db.values import AuditKind, FleetState, MemberState, ObjectKind, OnRefused, Refusal, Role, Trigger
from resolvers import (
    audit,
    commands,
    fleet_memory,
    fleet_plan,
    fleet_selectors,
    fleet_tasks,
    fleet_terms,
    fleet_work,
    outcome,
    rights,
    validation,
)
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound, ServersRefused
from resolvers.fleet_inputs import FleetRequest, StartFleetRun
from resolvers.fleet_plan import FleetPlan, PlannedServer
from resolvers.inputs import SelectServers
from resolvers.queue import QueueLimits
from resolvers.rights import RoleRequirement
from runner import bus
from runner.fleet import messages
from runner.fleet.decision import compute_batch
from runner.secrets.vault import Vault

# How often a plan is made anew because the servers changed between it and the transaction that stores it.
TRIES = 5
MOST_NAMES = 10
DIGEST_LENGTH = 64
TERMS = ("selector", "batch_size", "pause_seconds", "stop_after", "on_refused")


@dataclass(frozen=True, slots=True)
class FleetStart:
    """A fleet run that is to be stored: its plan, the columns that the request decides, and who asked for it."""

    plan: FleetPlan
    columns: Mapping[str, Any]
    right: RoleRequirement
    actor: Actor
    queue: QueueLimits
    vault: Vault


@audit.record_refusals_of("fleets.start", ObjectKind.TASK, lambda wanted: wanted.request.task_id)
async def start(ctx: Context, wanted: StartFleetRun) -> FleetRun:
    """Start a fleet run. A known idempotency key returns the fleet run that it made before."""
    return await start_repeat(ctx, wanted)


async def start_repeat(ctx: Context, wanted: StartFleetRun, *, retry_of: Mapping[str, Any] | None = None) -> FleetRun:
    """Start a fleet run; with `retry_of`, one that repeats another: its id, and what of it is repeated."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    wanted = await fleet_tasks.complete_start(ctx, wanted)
    columns = fleet_terms.check(wanted) | _build_origin(ctx, wanted, retry_of)
    key = validation.check_idempotency_key(wanted.idempotency_key)
    if key is not None and (found := await _find_repeated(ctx, right, key, columns, wanted.request)) is not None:
        return _announce(ctx, found)
    columns["idempotency_key"] = key or outcome.generate_key()
    for _ in range(TRIES):
        plan = await fleet_plan.build(ctx, right, wanted.request)
        _check_digest(ctx, plan, wanted.plan_digest)
        _refuse(plan, wanted.on_refused)
        order = FleetStart(plan, columns, right, audit.build_actor(ctx), ctx.service.limits.queue, ctx.service.vault)
        row = await _store(ctx, order)
        if row is not None:
            return _announce(ctx, _require_same(row, columns, wanted.request))
    raise Conflict(
        "The servers changed while the fleet run was being started, again and again: try again shortly.",
        "启动批量执行时服务器不断变化，请稍后再试。",
    )


async def _store(ctx: Context, order: FleetStart) -> FleetRun | None:
    key = order.columns["idempotency_key"]
    return await outcome.run_until_known(lambda: ctx.service.store.run(_insert, order), key)


def _announce(ctx: Context, row: FleetRun) -> FleetRun:
    ctx.service.bus.hint(bus.PENDING, bus.EXECUTIONS, bus.FLEET_RUNS)
    return row


def _build_origin(ctx: Context, wanted: StartFleetRun, retry_of: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the columns of where the fleet run comes from, and what is compared if its key is used again."""
    described = fleet_selectors.describe(fleet_selectors.check(ctx, wanted.request.selector or SelectServers()))
    by_task, typed = wanted.request.task_id is not None, ctx.os_user is not None
    return {
        "selector": described if retry_of is None else dict(retry_of["again"]),
        "retry_of": None if retry_of is None else retry_of["id"],
        "task_id": wanted.request.task_id,
        "trigger": Trigger.MANUAL if by_task else Trigger.CLI if typed else Trigger.API,
    }


async def _find_repeated(
    ctx: Context, right: RoleRequirement, key: str, columns: Mapping[str, Any], request: FleetRequest
) -> FleetRun | None:
    found = await ctx.service.store.read(fleets.by_idempotency_key, right.viewer.user_id, key)
    if found is None:
        return None
    if await ctx.service.store.read(fleets.by_id, found.id, ctx.visibility) is None:
        raise NotFound.for_object("fleet run", found.id)
    if request.command is not None:
        work = fleet_work.build_command_work(ctx.service.limits, request.command)
        columns = {**columns, "command": work.values["command"], "work": work.columns["work"]}
    return _require_same(found, columns, request)


def _require_same(row: FleetRun, columns: Mapping[str, Any], request: FleetRequest) -> FleetRun:
    """Return the fleet run if it is of the same request. Of a task, its id and the given values count."""
    work = {name: value for name, value in row.work.items() if name != "policy_version"}
    same = all((work if name == "work" else getattr(row, name)) == value for name, value in columns.items())
    stored = row.work.get("parameters") or {}
    given = all(stored.get(item.name, "") in (None, item.value) for item in request.parameters)
    if same and given:
        return row
    raise build_key_error()


def build_key_error() -> Conflict:
    return Conflict(
        "This idempotency key was used for another fleet run: use a new key.",
        "此幂等键已用于内容不同的批量执行，请使用新的键。",
        field=("idempotency_key",),
    )


def _check_digest(ctx: Context, plan: FleetPlan, given: str | None) -> None:
    """Raise Conflict, which names what has changed, if the plan is another one than was shown."""
    if given is None or given == plan.digest:
        return
    if len(given) != DIGEST_LENGTH:
        raise Invalid("plan_digest", "must be the digest of a plan, 64 characters.", "须为计划的摘要，共 64 个字符。")
    before = ctx.service.plans.find((ctx.require_viewer().user_id, given))
    en, zh = fleet_memory.describe_changes(before, plan.outline)
    raise Conflict(
        f"The plan has changed since it was shown: {en}. Ask for the plan again.",
        f"计划在显示之后已更改：{zh}。请重新获取计划。",
        field=("plan_digest",),
    )


def _refuse(plan: FleetPlan, on_refused: str) -> None:
    """Raise if nothing may be started: because of any refused server, or of all with SKIP."""
    refused = plan.refused
    if not refused or (on_refused == OnRefused.SKIP and plan.allowed):
        return
    kinds = {each.refusal.kind for each in refused if each.refusal is not None}
    first = refused[0]
    if not plan.allowed and kinds == {Refusal.REFUSED_BY_POLICY} and first.decision is not None:
        with fleet_work.locate_errors("work", "command"):
            commands.refuse_denied(first.decision, plan.work.build_subject(first.server.id))
    if not plan.allowed and kinds == {Refusal.NOT_ALLOWED}:
        raise Forbidden(
            "You are an operator on none of these servers. Ask an admin.",
            "您不是其中任何服务器的 operator，请联系管理员。",
        )
    en, zh = _list_refused(refused, "en"), _list_refused(refused, "zh")
    skip = (" or start with onRefused: SKIP", "，或使用 onRefused: SKIP 启动") if plan.allowed else ("", "")
    raise ServersRefused(
        refused,
        en=f"Nothing was started, because {len(refused)} of {len(plan.servers)} servers are refused: {en}. "
        f"Select others{skip[0]}.",
        zh=f"没有启动任何执行：{len(plan.servers)} 台服务器中有 {len(refused)} 台被拒绝：{zh}。"
        f"请选择其他服务器{skip[1]}。",
    )


def _list_refused(refused: Sequence[PlannedServer], language: str) -> str:
    shown = [
        f"{each.server.name} ({each.refusal.en if language == 'en' else each.refusal.zh})"
        for each in refused[:MOST_NAMES]
        if each.refusal is not None
    ]
    return ", ".join(shown) + (", …" if len(refused) > MOST_NAMES else "")


def _insert(conn: Connection, order: FleetStart) -> FleetRun | None:
    """Insert the fleet run with its members and its first batch; None if the plan is not right any more.

    The number of statements does not depend on that of the servers.
    """
    plan, user_id = order.plan, order.right.viewer.user_id
    key, task_id = order.columns["idempotency_key"], plan.work.task_id
    if (found := fleets.by_idempotency_key(conn, user_id, key)) is not None:
        return found
    names = fleet_plan.list_secret_names(plan.work)
    facts = fleet_plan.load_facts(conn, order.right, plan.selector, task_id, names)
    if facts.fingerprint != plan.fingerprint:
        return None
    batch = plan.allowed[: compute_batch(order.columns["batch_size"], len(plan.servers))]
    order.queue.check_many(conn, user_id, {each.server.id: each.server.name for each in batch})
    made = fleets.insert_once(conn, _build_row(order))
    if made is None:
        return fleets.by_idempotency_key(conn, user_id, key)
    if sealed := plan.work.seal(order.vault, made.id):
        fleet_changes.store_sealed(conn, made.id, sealed)
        made = fleets.by_id(conn, made.id) or made
    fleets.insert_members(conn, [_build_member(made.id, *each) for each in enumerate(plan.servers)])
    last = next(at for at, each in enumerate(plan.servers) if each is batch[-1])
    fleet_changes.start_members(conn, made, last + 1, order.actor.at)
    if task_id is not None:
        tasks.note_run(conn, task_id, order.actor.at)
    row = fleets.by_id(conn, made.id)
    change = AuditedChange(AuditKind.FLEET_RUN_STARTED, ObjectKind.FLEET_RUN, made.id, after=_describe(order))
    audit.record(conn, order.actor, change)
    return row


def _build_row(order: FleetStart) -> dict[str, Any]:
    plan = order.plan
    columns = plan.work.columns
    work = columns["work"] | {"policy_version": plan.policy_version}
    state = {"state": FleetState.RUNNING, "created_at": order.actor.at, "created_by": order.right.viewer.user_id}
    sizes = {"size": len(plan.servers), "started": 0, "plan_digest": plan.digest}
    return columns | dict(order.columns) | {"work": work} | state | sizes


def _build_member(id: int, position: int, planned: PlannedServer) -> dict[str, Any]:
    refused = planned.refusal
    return {
        "fleet_run_id": id,
        "position": position,
        "server_id": planned.server.id,
        "state": MemberState.WAITING if refused is None else MemberState.REFUSED,
        "refusal": None if refused is None else refused.kind,
        "message": None if refused is None else messages.pack(refused.en, refused.zh),
    }


def _describe(order: FleetStart) -> dict[str, Any]:
    """Return what the audit records of it: the work without values, and how many servers."""
    plan, work = order.plan, order.plan.work.values
    shown = {"task_id": plan.work.task_id, "command": work["command"], "env": sorted(work["env"])}
    terms = {name: order.columns[name] for name in TERMS}
    return shown | terms | {"servers": len(plan.servers), "refused": len(plan.refused), "plan_digest": plan.digest}
