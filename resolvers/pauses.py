"""Pause and resume a task's schedule: slots during a pause are recorded in the ledger as skipped."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from db import tasks as table
from db.models import Task
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, audit_records, rights, validation
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.rights import RoleRequirement
from runner import bus
from runner.admission import decision
from runner.admission.decision import Decider
from runner.scheduling import firing


@audit.record_refusals_of("pauses.pause", ObjectKind.TASK)
async def pause(ctx: Context, id: int, until: datetime | None = None) -> Task:
    """Pause the task until `until`, or until it is resumed. A paused task stays paused, with the new end."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    now = ctx.service.clock()
    if until is not None and (until.tzinfo is None or until <= now):
        raise Invalid("until", "must lie in the future, with its offset.", "须为将来的时间，并带时区偏移。")
    end = None if until is None else until.astimezone(UTC)
    return await _update_pause(ctx, right, id, {"paused_at": now, "paused_until": end}, now)


@audit.record_refusals_of("pauses.resume", ObjectKind.TASK)
async def resume(ctx: Context, id: int) -> Task:
    """Resume the task. Slots that were due during the pause stay skipped."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    return await _update_pause(ctx, right, id, {"paused_at": None, "paused_until": None}, ctx.service.clock())


async def _update_pause(ctx: Context, right: RoleRequirement, id: int, values: dict[str, Any], now: datetime) -> Task:
    judge = decision.build_decider(ctx.service.policy)
    actor = replace(audit.build_actor(ctx), at=now)
    task = await ctx.service.store.run(_write_pause, validation.check_id("id", id), values, right, judge, actor)
    if task is None:
        raise NotFound.for_object("task", id)
    ctx.service.bus.hint(bus.SCHEDULE, bus.PENDING, bus.EXECUTIONS, bus.SLOTS)
    return task


def _write_pause(
    conn: Connection, id: int, values: dict[str, Any], right: RoleRequirement, judge: Decider, actor: Actor
) -> Task | None:
    """Write the pause and return the changed row; None if there is no such task.

    Slots that are due by now are decided first, under the state before the change.
    """
    before = table.lock_by_id(conn, id)
    if before is None:
        return None
    right.enforce(conn, before.server_id, NotFound.for_object("task", id))
    firing.settle(conn, id, actor.at, judge)
    table.update(conn, id, values | {"updated_at": actor.at, "updated_by": actor.actor_id})
    kind = AuditKind.TASK_RESUMED if values["paused_at"] is None else AuditKind.TASK_PAUSED
    changed = table.by_id(conn, id)
    old, new = audit_records.diff_columns(before, changed, audit_records.TASK)
    audit.record(conn, actor, AuditedChange(kind, ObjectKind.TASK, id, old, new))
    return changed
