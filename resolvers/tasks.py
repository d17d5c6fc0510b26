"""Tasks: read by whoever sees their server, changed by operators on it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from db import slots
from db import tasks as table
from db.models import Task, TaskExecution
from db.tasks import TaskFilter
from db.values import AuditKind, Mode, ObjectKind, Role, Trigger
from resolvers import (
    audit,
    audit_records,
    commands,
    filters,
    outcome,
    paging,
    pending,
    rights,
    rules,
    schedules,
    secret_env,
    task_keys,
    terms,
)
from resolvers.audit import Act, Deed
from resolvers.context import Context, Limits
from resolvers.errors import Conflict, NotFound
from resolvers.inputs import NewTask, SecretVariable, TaskChange, given
from resolvers.paging import Page, PageRequest
from resolvers.rights import Right
from resolvers.secret_env import Draft
from resolvers.servers import missing, require, require_usable
from runner import bus, firing, follow_ups, ruling
from runner.ruling import Judge
from runner.terms import Terms

LISTING: paging.Listing[Task, TaskFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("id", "name", "last_run", "next_run", "created_at")
)
OF_SERVERS: paging.ListingEach[Task, TaskFilter] = paging.ListingEach(
    page=table.page_of_servers, count=table.count_of_servers, orders=LISTING.orders
)
# What the command policy looks at.
CHECKED = ("command", "shell", "env", "secret_env", "working_dir", "server_id")
# What the rest of a change is worked out from.
BASIS = (*CHECKED, "sealed_env", "cron_expr", "timezone", "enabled", "terms", "timeout_seconds", "output_limit")
MOST_TRIES = 10
RULES: dict[str, Callable[[Any], Any]] = {
    "name": lambda value: rules.text("name", value, longest=100),
    "command": rules.command,
    "server_id": lambda value: rules.identifier("server_id", value),
    "env": rules.env,
    "working_dir": rules.working_dir,
    "run_mode": lambda value: None if value is None else rules.one_of("run_mode", value, Mode),
}


class TaskCreated(NamedTuple):
    """The new task, and the execution that `@once` started."""

    task: Task
    execution: TaskExecution | None


async def get(ctx: Context, id: int) -> Task:
    found = await ctx.service.store.read(table.by_id, rules.identifier("id", id), ctx.sight)
    if found is None:
        raise NotFound.named("task", id)
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[Task | None]:
    """In the order of `ids`; deleted tasks too, so that history keeps their names."""
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids, ctx.sight)}
    return [found.get(id) for id in ids]


async def page(ctx: Context, filter: TaskFilter, request: PageRequest) -> Page[Task]:
    return await paging.fetch(ctx.service.store, LISTING, filters.checked(ctx, filter), request)


async def pages_of_servers(
    ctx: Context, server_ids: Sequence[int], filter: TaskFilter, request: PageRequest
) -> list[Page[Task]]:
    """A page of each server's tasks, in the order of `server_ids`."""
    return await paging.fetch_each(ctx.service.store, OF_SERVERS, server_ids, filters.checked(ctx, filter), request)


async def changeable(ctx: Context, right: Right, id: int) -> Task:
    """The task, if the right holds on its server."""
    found = await get(ctx, id)
    await rights.check(ctx, right, found.server_id, NotFound.named("task", id))
    return found


@audit.refusals_of("tasks.create", ObjectKind.TASK)
async def create(ctx: Context, new: NewTask) -> TaskCreated:
    """Keep the task; `@once` starts one execution in the same transaction. Under a key of before, that of before."""
    right = await rights.need(ctx, Role.OPERATOR)
    limits, now, user_id = ctx.service.limits, ctx.service.clock(), right.viewer.user_id
    key = task_keys.of_new(user_id, new)
    if key is not None and (before := await ctx.service.store.read(task_keys.known, key, right)) is not None:
        return TaskCreated(*before)
    values = rules.apply(given(new), RULES)
    del values["idempotency_key"]
    await rights.check(ctx, right, new.server_id, missing(new.server_id))
    values["timezone"] = limits.timezone if new.timezone is None else new.timezone
    values["terms"] = terms.changed({}, new.terms)
    schedule = schedules.checked(new.cron_expr, values["timezone"], limits, now=now, dst=Terms.of(values["terms"]).dst)
    values |= commands.bounded(limits, new.timeout_seconds, new.output_limit)
    values["shell"] = rules.shell(values["command"])
    values["secret_env"], own = secret_env.of_new(new.secret_env, new.env)
    found = await commands.check(ctx, secret_env.subject(values))
    values |= {"created_by": user_id, "updated_by": user_id, "created_at": now, "updated_at": now}
    values["next_run"] = schedules.next_run(schedule, now) if new.enabled else None  # plus jitter, once it has an id
    starts = schedule.kind == schedules.ONCE and new.enabled
    once = pending.Asked(right, Trigger.MANUAL, found, now, limits.queue) if starts else None
    draft = Draft(values, ctx.service.vault, own)
    make = partial(insert, draft=draft, once=once, right=right, limits=limits, act=audit.act(ctx))
    created = await _stored(ctx, key, right, make)
    ctx.service.bus.hint(bus.SCHEDULE, *((bus.PENDING, bus.EXECUTIONS, bus.SLOTS) if once else ()))
    return created


async def _stored(
    ctx: Context, key: task_keys.Key | None, right: Right, make: Callable[[Connection], TaskCreated]
) -> TaskCreated:
    """The committed task. Only under a key may it be tried again where nobody knows whether it was committed."""
    run = ctx.service.store.run
    if key is None:
        return await run(make)
    return TaskCreated(*await outcome.settle(lambda: run(task_keys.make_once, key, right, make), key.text))


@audit.refusals_of("tasks.update", ObjectKind.TASK)
async def update(ctx: Context, id: int, change: TaskChange) -> Task:
    """What is given. What follows from it and from the rest of the task is worked out on the task as it then is."""
    right = await rights.need(ctx, Role.OPERATOR)
    given_values = rules.apply(given(change), RULES)
    if "command" in given_values:
        given_values["shell"] = rules.shell(given_values["command"])
    if "server_id" in given_values:  # before its policy has a say
        await rights.check(ctx, right, given_values["server_id"], missing(given_values["server_id"]))
    for _ in range(MOST_TRIES):
        current = await changeable(ctx, right, id)
        values = given_values | changed_limits(ctx, current, given_values) | changed_secrets(ctx, current, given_values)
        if values.keys() & CHECKED:
            subject = {name: values.get(name, getattr(current, name)) for name in CHECKED}
            await commands.check(ctx, secret_env.subject(subject, task_id=id))
        now = ctx.service.clock()
        values |= changed_schedule(ctx, current, values, now)
        values |= {"updated_at": now, "updated_by": right.viewer.user_id}
        judge = ruling.judge_of(ctx.service.policy)
        if changed := await ctx.service.store.run(change_row, current, values, right, judge, audit.act(ctx)):
            woken = (bus.PENDING, bus.EXECUTIONS, bus.SLOTS) if "next_run" in values else ()
            ctx.service.bus.hint(bus.SCHEDULE, *woken)
            return changed
    raise Conflict("This task is being changed by others: try again.", "此任务正被他人修改，请重试。", field=("id",))


async def set_enabled(ctx: Context, id: int, enabled: bool) -> Task:
    return await update(ctx, id, TaskChange(enabled=enabled))


@audit.refusals_of("tasks.delete", ObjectKind.TASK)
async def delete(ctx: Context, id: int) -> Task:
    """Hide the task and stop its schedule. Its executions stay; those that wait to start are cancelled."""
    right = await rights.need(ctx, Role.OPERATOR)
    task = await changeable(ctx, right, id)
    ended = await ctx.service.store.run(hide, id, right, audit.act(ctx))
    if ended is None:
        raise NotFound.named("task", id)
    ctx.service.bus.hint(bus.SCHEDULE, bus.EXECUTIONS, bus.SLOTS, *map(bus.execution_address, ended))
    return task


def insert(
    conn: Connection, draft: Draft, once: pending.Asked | None, right: Right, limits: Limits, act: Act
) -> TaskCreated:
    check = require_usable if once else require
    check(conn, draft.values["server_id"], right)
    created = added(conn, draft, once, limits)
    run = created.execution
    after = audit_records.task(created.task) | ({} if run is None else {"execution_id": run.id})
    audit.record(conn, act, Deed(AuditKind.TASK_CREATED, ObjectKind.TASK, created.task.id, after=after))
    return created


def added(conn: Connection, draft: Draft, once: pending.Asked | None, limits: Limits) -> TaskCreated:
    values = draft.values
    secret_env.require_registered(conn, values["server_id"], values["secret_env"])
    if table.of_user_at_least(conn, values["created_by"], limits.max_tasks_per_user):
        raise too_many(limits.max_tasks_per_user)
    task = table.insert(conn, values | ({"last_run": once.at} if once else {}))
    if draft.own:  # sealed for the row, and so they follow when it has an id
        table.update(conn, task.id, {"sealed_env": draft.sealed("tasks", task.id)})
        task = table.by_id(conn, task.id) or task
    if once is None:
        return TaskCreated(jittered(conn, task), None)
    run = pending.of_task(conn, task, once).row
    slots.record(conn, [firing.once_line(task, run)])
    return TaskCreated(task, run)


def too_many(most: int) -> Conflict:
    return Conflict(f"You have {most} tasks already: delete some first.", f"您已有 {most} 个任务，请先删除一些。")


def jittered(conn: Connection, task: Task) -> Task:
    """A new task with the offset that its id gives it."""
    offset = Terms.of(task.terms).offset(task.id)
    if task.next_run is None or not offset:
        return task
    table.update(conn, task.id, {"next_run": task.next_run + offset})
    return table.by_id(conn, task.id) or task


def change_row(
    conn: Connection, seen: Task, values: dict[str, Any], right: Right, judge: Judge, act: Act
) -> Task | None:
    """The changed row; None if it is not any more as it was seen.

    What is due by the schedule of before is decided before it goes. To move to another server needs the right on both.
    """
    current = table.locked(conn, seen.id)
    if current is None:
        raise NotFound.named("task", seen.id)
    if any(getattr(current, name) != getattr(seen, name) for name in BASIS):
        return None
    right.on(conn, current.server_id, NotFound.named("task", seen.id))
    server_id = values.get("server_id", current.server_id)
    if "server_id" in values:
        require(conn, server_id, right)
    if values.keys() & {"server_id", "secret_env"}:
        secret_env.require_registered(conn, server_id, values.get("secret_env", current.secret_env))
    if "next_run" in values:
        firing.settle(conn, seen.id, values["updated_at"], judge)
    table.update(conn, seen.id, values)
    changed = table.by_id(conn, seen.id)
    old, new = audit_records.difference(current, changed, audit_records.TASK)
    audit.record(conn, act, Deed(AuditKind.TASK_UPDATED, ObjectKind.TASK, seen.id, old, new))
    return changed


def hide(conn: Connection, id: int, right: Right, act: Act) -> list[int] | None:
    """The executions that were cancelled with it; None if it was not there."""
    before = table.locked(conn, id)
    if before is None:
        return None
    right.on(conn, before.server_id, NotFound.named("task", id))
    table.delete(conn, id, act.at)
    ended = follow_ups.end_waiting(conn, id, act.at)
    after = {"cancelled_executions": ended} if ended else None
    audit.record(conn, act, Deed(AuditKind.TASK_DELETED, ObjectKind.TASK, id, audit_records.task(before), after))
    return ended


def changed_secrets(ctx: Context, current: Task, values: dict[str, Any]) -> dict[str, Any]:
    """The columns of its secret variables when they change. No name may be that of another variable."""
    env = values.get("env", current.env)
    if "secret_env" in values:
        return secret_env.changed(current, values["secret_env"], env, ctx.service.vault)
    if "env" in values:
        secret_env.sources([SecretVariable(name=name) for name in current.secret_env], env)
    return {}


def changed_limits(ctx: Context, current: Task, values: dict[str, Any]) -> dict[str, Any]:
    if not values.keys() & {"timeout_seconds", "output_limit"}:
        return {}
    return commands.bounded(
        ctx.service.limits,
        values.get("timeout_seconds", current.timeout_seconds),
        values.get("output_limit", current.output_limit),
    )


def changed_schedule(ctx: Context, current: Task, values: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The new terms, and the new `next_run` when these, the schedule, its zone or its being enabled change."""
    if not values.keys() & {"cron_expr", "timezone", "enabled", "terms"}:
        return {}
    kept = terms.changed(current.terms, values["terms"]) if "terms" in values else current.terms
    expr, zone = values.get("cron_expr", current.cron_expr), values.get("timezone", current.timezone)
    same = (expr, zone) == (current.cron_expr, current.timezone)
    enabled, dst = values.get("enabled", current.enabled), Terms.of(kept).dst
    # What stays as it is is not checked again: a moment of `@at` passes, and a floor may be raised.
    if same and not enabled:
        return {"terms": kept, "next_run": None}
    limits = ctx.service.limits
    schedule = schedules.kept(expr, zone, dst) if same else schedules.checked(expr, zone, limits, now=now, dst=dst)
    offset = Terms.of(kept).offset(current.id)
    start = schedules.before(schedule, current, now - offset) if same else now - offset
    due = schedule.next_after(start) if enabled else None
    return {"terms": kept, "next_run": None if due is None else due.at + offset}
