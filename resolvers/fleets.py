"""Fleet runs: read by those who see one of their servers, cancelled and repeated by operators on their servers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from db import fleet_changes, grants
from db import fleets as table
from db.fleet_models import FleetRun
from db.fleets import FleetRunFilter, MemberFilter
from db.values import AuditKind, FleetState, MemberState, ObjectKind, Reason, Role
from resolvers import audit, fleet_starts, paging, rights, validation
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound
from resolvers.fleet_inputs import FleetCommand, FleetRequest, RetryFleetRun, StartFleetRun
from resolvers.inputs import ParameterValue, SecretVariable, SelectServers
from resolvers.paging import Page, PageRequest
from resolvers.rights import RoleRequirement
from runner import bus

LISTING: paging.Listing[FleetRun, FleetRunFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("id", "created_at")
)
MEMBERS: paging.Listing[Any, MemberFilter] = paging.Listing(
    page=table.page_members, count=table.count_members, orders=("id",)
)
WOKEN_BY_CANCEL = (bus.CANCELS, bus.EXECUTIONS, bus.FOLLOW_UPS, bus.FLEET_RUNS)
CANCELLED = "cancelled before it started, with its fleet run"


@dataclass(slots=True)
class FleetCounts:
    """How many members are in each state; those that were started, by the state of their execution.

    `removed`: started ones whose execution retention has removed.
    """

    size: int = 0
    waiting: int = 0
    refused: int = 0
    not_started: int = 0
    pending: int = 0
    running: int = 0
    success: int = 0
    failed: int = 0
    timeout: int = 0
    cancelled: int = 0
    removed: int = 0

    def add(self, member: str, execution: str | None, number: int) -> None:
        name = member if member != MemberState.STARTED else execution or "removed"
        setattr(self, name.lower(), getattr(self, name.lower()) + number)
        self.size += number


async def get(ctx: Context, id: int) -> FleetRun:
    found = await ctx.service.store.read(table.by_id, validation.check_id("id", id), ctx.visibility)
    if found is None:
        raise NotFound.for_object("fleet run", id)
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[FleetRun | None]:
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids, ctx.visibility)}
    return [found.get(id) for id in ids]


async def count_many(ctx: Context, ids: Sequence[int]) -> list[FleetCounts]:
    """Return the counts of each fleet run's visible members, in the order of `ids`."""
    found = {id: FleetCounts() for id in ids}
    for row in await ctx.service.store.read(table.count_by_state, ids, ctx.visibility):
        found[row.fleet_run_id].add(row.member, row.execution, row.number)
    return [found[id] for id in ids]


async def page(ctx: Context, filter: FleetRunFilter, request: PageRequest) -> Page[FleetRun]:
    for name in ("task_id", "created_by"):
        if getattr(filter, name) is not None:
            validation.check_id(name, getattr(filter, name))
    times: dict[str, Any] = {
        name: validation.check_time(name, getattr(filter, name))
        for name in ("created_from", "created_to")
        if getattr(filter, name) is not None
    }
    checked = replace(filter, **times, visibility=ctx.visibility)
    return await paging.load_page(ctx.service.store, LISTING, checked, request)


async def page_members(ctx: Context, filter: MemberFilter, request: PageRequest) -> Page[Any]:
    """Return a page of the fleet run's visible members, in order of their servers' ids."""
    return await paging.load_page(ctx.service.store, MEMBERS, replace(filter, visibility=ctx.visibility), request)


@audit.record_refusals_of("fleets.cancel", ObjectKind.FLEET_RUN)
async def cancel(ctx: Context, id: int) -> FleetRun:
    """Start no more, cancel what waits, and request that what runs stops. It returns before that has happened."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    row = await get(ctx, id)
    found = await ctx.service.store.run(_request_cancel, row, right, audit.build_actor(ctx))
    if found is None:
        raise Conflict(
            f"Fleet run {id} has ended already: there is nothing to cancel.",
            f"批量执行 {id} 已结束，无需取消。",
            field=("id",),
        )
    ended, stopping = found
    ctx.service.bus.hint(*WOKEN_BY_CANCEL, *map(bus.execution_address, ended + stopping))
    return await get(ctx, id)


def _request_cancel(
    conn: Connection, row: FleetRun, right: RoleRequirement, actor: Actor
) -> tuple[list[int], list[int]] | None:
    """Return the executions that were cancelled and those that are to stop; None if the fleet run has ended."""
    _enforce_everywhere(conn, row, right)
    by = right.viewer.user_id
    if not fleet_changes.request_cancel(conn, row.id, actor.at, by):
        current = table.by_id(conn, row.id)
        return None if current is None or current.state != FleetState.RUNNING else ([], [])
    left = fleet_changes.leave_waiting(conn, row.id)
    ended = fleet_changes.cancel_pending(conn, row.id, actor.at, CANCELLED, by)
    fleet_changes.leave_cancelled(conn, row.id)
    stopping = fleet_changes.request_stops(conn, row.id, actor.at, by)
    after = {"not_started": left, "cancelled": len(ended), "requested": len(stopping)}
    change = AuditedChange(AuditKind.FLEET_RUN_CANCELLED, ObjectKind.FLEET_RUN, row.id, after=after)
    audit.record(conn, actor, change)
    return ended, stopping


def _enforce_everywhere(conn: Connection, row: FleetRun, right: RoleRequirement) -> None:
    """Raise Forbidden unless the viewer has the role on every server that the fleet run was to run on."""
    if right.holds_everywhere:
        return
    granted = grants.load_roles_of_user(conn, right.viewer.user_id)
    held = [right.viewer.with_grant(granted.get(id, Role.NONE)) for id in table.list_server_ids(conn, row.id)]
    if any(role.rank < right.role.rank for role in held):
        raise Forbidden(
            "This needs the role operator on every server of the fleet run: cancel its executions on your servers.",
            "此操作需要在批量执行的每台服务器上具有 operator 角色：您可以取消自己服务器上的执行。",
        )


@audit.record_refusals_of("fleets.retry", ObjectKind.FLEET_RUN, lambda wanted: wanted.id)
async def retry(ctx: Context, wanted: RetryFleetRun) -> FleetRun:
    """Start a new fleet run of the same work on those servers. A task runs as it is now."""
    await rights.require_role(ctx, Role.OPERATOR)
    validation.check_id("id", wanted.id)
    validation.check_idempotency_key(wanted.idempotency_key)
    reasons = sorted({validation.check_one_of("reasons", reason, Reason) for reason in wanted.reasons})
    if not reasons and not wanted.not_started:
        raise Invalid(
            "reasons", "must name a reason, unless notStarted is true.", "须至少给出一个原因，除非 notStarted 为 true。"
        )
    row = await get(ctx, wanted.id)
    again = {"reasons": reasons, "not_started": wanted.not_started}
    repeated = await _find_repeated(ctx, wanted, again)
    if repeated is not None:
        return repeated
    ids = await ctx.service.store.read(
        table.list_servers_to_retry, row.id, reasons, not_started=wanted.not_started, visibility=ctx.visibility
    )
    if not ids:
        raise Conflict(
            f"Fleet run {row.id} has no server to run on again for these reasons: look at its counts and reasons.",
            f"批量执行 {row.id} 中没有符合这些原因的服务器，请查看其计数与原因。",
            field=("reasons",),
        )
    order = StartFleetRun(
        request=_rebuild_request(row, ids),
        batch_size=row.batch_size,
        pause_seconds=row.pause_seconds,
        stop_after=row.stop_after,
        on_refused=row.on_refused,
        idempotency_key=wanted.idempotency_key,
    )
    return await fleet_starts.start_repeat(ctx, order, retry_of={"id": row.id, "again": again | {"ids": ids}})


async def _find_repeated(ctx: Context, wanted: RetryFleetRun, again: Mapping[str, Any]) -> FleetRun | None:
    """Return the fleet run that this retry made before, whatever could be repeated by now."""
    key = validation.check_idempotency_key(wanted.idempotency_key)
    if key is None:
        return None
    found = await ctx.service.store.read(table.by_idempotency_key, ctx.require_viewer().user_id, key)
    if found is None:
        return None
    if found.retry_of != wanted.id or any(found.selector.get(name) != value for name, value in again.items()):
        raise fleet_starts.build_key_error()
    return await get(ctx, found.id)


def _rebuild_request(row: FleetRun, ids: Sequence[int]) -> FleetRequest:
    """Return the request of the same work on these servers. Conflict if that needs a value that is not kept."""
    work, selector = row.work, SelectServers(ids=ids)
    recorded = work.get("parameters") or {}
    own = [name for name, source in work["secret_env"].items() if source is None and row.task_id is None]
    lost = own + [name for name, value in recorded.items() if value is None]
    if lost or work.get("stdin_bytes"):
        what = ", ".join(lost) if lost else "stdin"
        raise Conflict(
            f"Fleet run {row.id} had a value that is not kept ({what}): start a new fleet run with it.",
            f"批量执行 {row.id} 使用了未保留的值（{what}）：请带上该值启动新的批量执行。",
            field=("id",),
        )
    if row.task_id is not None:
        values = [ParameterValue(name=name, value=value) for name, value in recorded.items() if value is not None]
        return FleetRequest(task_id=row.task_id, parameters=values, selector=selector)
    names = ("timeout_seconds", "output_limit", "on_output_limit", "merge_streams", "env", "working_dir")
    secrets = [SecretVariable(name=name, secret=source) for name, source in work["secret_env"].items()]
    command = FleetCommand(command=row.command, secret_env=secrets, **{name: work[name] for name in names})
    return FleetRequest(command=command, selector=selector)
