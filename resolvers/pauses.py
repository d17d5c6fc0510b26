"""Pausing a task's schedule: its slots go into the ledger as skipped, until it is resumed."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from db import tasks as table
from db.models import Task
from db.values import Role
from resolvers import rules, tasks
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from runner import bus, firing
from runner.firing import Refusal


async def pause(ctx: Context, id: int, until: datetime | None = None) -> Task:
    """From now on, to `until` or until it is resumed. One that is paused already stays so, with the new end."""
    ctx.need(Role.OPERATOR)
    now = ctx.service.clock()
    if until is not None and (until.tzinfo is None or until <= now):
        raise Invalid("until", "must lie in the future, with its offset.", "须为将来的时间，并带时区偏移。")
    end = None if until is None else until.astimezone(UTC)
    return await changed(ctx, id, {"paused_at": now, "paused_until": end}, now)


async def resume(ctx: Context, id: int) -> Task:
    """What was due during the pause stays skipped."""
    ctx.need(Role.OPERATOR)
    return await changed(ctx, id, {"paused_at": None, "paused_until": None}, ctx.service.clock())


async def changed(ctx: Context, id: int, values: dict[str, Any], now: datetime) -> Task:
    refusal = firing.refusal_of(ctx.service.policy)
    if not await ctx.service.store.run(write, rules.identifier("id", id), values, now, refusal):
        raise NotFound.named("task", id)
    ctx.service.bus.hint(bus.SCHEDULE, bus.PENDING, bus.EXECUTIONS, bus.SLOTS)
    return await tasks.get(ctx, id)


def write(conn: Connection, id: int, values: dict[str, Any], now: datetime, refusal: Refusal) -> bool:
    """What was due until now is decided first, by what was true until now."""
    firing.settle(conn, id, now, refusal)
    return table.update(conn, id, values | {"updated_at": now})
