"""Pausing a task's schedule: its slots go into the ledger as skipped, until it is resumed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from db import tasks as table
from db.models import Task
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, audit_records, rights, rules
from resolvers.audit import Act, Deed
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.rights import Right
from runner import bus, firing, ruling
from runner.ruling import Judge


@audit.refusals_of("pauses.pause", ObjectKind.TASK)
async def pause(ctx: Context, id: int, until: datetime | None = None) -> Task:
    """From now on, to `until` or until it is resumed. One that is paused already stays so, with the new end."""
    right = await rights.need(ctx, Role.OPERATOR)
    now = ctx.service.clock()
    if until is not None and (until.tzinfo is None or until <= now):
        raise Invalid("until", "must lie in the future, with its offset.", "须为将来的时间，并带时区偏移。")
    end = None if until is None else until.astimezone(UTC)
    return await changed(ctx, right, id, {"paused_at": now, "paused_until": end}, now)


@audit.refusals_of("pauses.resume", ObjectKind.TASK)
async def resume(ctx: Context, id: int) -> Task:
    """What was due during the pause stays skipped."""
    right = await rights.need(ctx, Role.OPERATOR)
    return await changed(ctx, right, id, {"paused_at": None, "paused_until": None}, ctx.service.clock())


async def changed(ctx: Context, right: Right, id: int, values: dict[str, Any], now: datetime) -> Task:
    judge = ruling.judge_of(ctx.service.policy)
    act = replace(audit.act(ctx), at=now)
    task = await ctx.service.store.run(write, rules.identifier("id", id), values, right, judge, act)
    if task is None:
        raise NotFound.named("task", id)
    ctx.service.bus.hint(bus.SCHEDULE, bus.PENDING, bus.EXECUTIONS, bus.SLOTS)
    return task


def write(conn: Connection, id: int, values: dict[str, Any], right: Right, judge: Judge, act: Act) -> Task | None:
    """The changed row; None if it is not there. What was due until now is decided first, by what was true until now."""
    before = table.locked(conn, id)
    if before is None:
        return None
    right.on(conn, before.server_id, NotFound.named("task", id))
    firing.settle(conn, id, act.at, judge)
    table.update(conn, id, values | {"updated_at": act.at, "updated_by": act.actor_id})
    kind = AuditKind.TASK_RESUMED if values["paused_at"] is None else AuditKind.TASK_PAUSED
    changed = table.by_id(conn, id)
    old, new = audit_records.difference(before, changed, audit_records.TASK)
    audit.record(conn, act, Deed(kind, ObjectKind.TASK, id, old, new))
    return changed
