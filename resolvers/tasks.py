"""Tasks: read by those who may see their server, changed by operators on it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from db import slots
from db import tasks as table
from db.models import Task, TaskExecution
from db.schedule_mode import ScheduleMode
from db.tasks import TaskFilter
from db.values import AuditKind, Mode, ObjectKind, Role, Trigger
from resolvers import (
    audit,
    audit_records,
    commands,
    filters,
    fleet_tasks,
    outcome,
    paging,
    parameter_rules,
    parameters,
    pending,
    rights,
    schedules,
    secret_env,
    task_changes,
    task_keys,
    task_rows,
    terms,
    validation,
)
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context, Limits
from resolvers.errors import Conflict, NotFound
from resolvers.inputs import NewTask, TaskChange, collect_values
from resolvers.paging import Page, PageRequest
from resolvers.pending import RunRequest
from resolvers.rights import RoleRequirement
from resolvers.secret_env import RowDraft
from resolvers.servers import build_missing_error, require_server, require_usable_server
from resolvers.task_rows import TaskRevision
from runner import bus
from runner.admission import decision
from runner.scheduling import firing, follow_ups
from runner.scheduling.terms import Terms

LISTING: paging.Listing[Task, TaskFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("id", "name", "last_run", "next_run", "created_at")
)
OF_SERVERS: paging.ListingEach[Task, TaskFilter] = paging.ListingEach(
    page=table.page_of_servers, count=table.count_of_servers, orders=LISTING.orders
)
MOST_TRIES = 10
RULES: dict[str, Callable[[Any], Any]] = {
    "name": lambda value: validation.check_text("name", value, longest=100),
    "command": validation.check_command_text,
    "server_id": lambda value: None if value is None else validation.check_id("server_id", value),
    "env": validation.check_env,
    "working_dir": validation.check_working_dir,
    "parameters": parameter_rules.check_declarations,
    "run_mode": lambda value: None if value is None else validation.check_one_of("run_mode", value, Mode),
    "schedule_mode": lambda value: validation.check_one_of("schedule_mode", value, ScheduleMode),
}


class TaskCreated(NamedTuple):
    """A new task, and the execution that `@once` started, if any."""

    task: Task
    execution: TaskExecution | None


async def get(ctx: Context, id: int) -> Task:
    found = await ctx.service.store.read(table.by_id, validation.check_id("id", id), ctx.visibility)
    if found is None:
        raise NotFound.for_object("task", id)
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[Task | None]:
    """Return tasks in the order of `ids`, including deleted ones, so that the history can show their names."""
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids, ctx.visibility)}
    return [found.get(id) for id in ids]


async def page(ctx: Context, filter: TaskFilter, request: PageRequest) -> Page[Task]:
    return await paging.load_page(ctx.service.store, LISTING, filters.check(ctx, filter), request)


async def load_pages_of_servers(
    ctx: Context, server_ids: Sequence[int], filter: TaskFilter, request: PageRequest
) -> list[Page[Task]]:
    """Return a page of each server's tasks, in the order of `server_ids`."""
    return await paging.load_pages(ctx.service.store, OF_SERVERS, server_ids, filters.check(ctx, filter), request)


async def _require_changeable_task(ctx: Context, right: RoleRequirement, id: int) -> Task:
    """Return the task, if the viewer has the required role on its server."""
    found = await get(ctx, id)
    await rights.enforce(ctx, right, found.server_id, NotFound.for_object("task", id))
    return found


@audit.record_refusals_of("tasks.create", ObjectKind.TASK)
async def create(ctx: Context, new: NewTask) -> TaskCreated:
    """Create a task; `@once` also starts an execution in the transaction. A known key returns its first result."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    limits, now, user_id = ctx.service.limits, ctx.service.clock(), right.viewer.user_id
    key = task_keys.build_key(user_id, new)
    if key is not None and (before := await ctx.service.store.read(task_keys.find_task_by_key, key, right)) is not None:
        return TaskCreated(*before)
    values = validation.apply_rules(collect_values(new), RULES)
    del values["idempotency_key"]
    values |= fleet_tasks.build_place(ctx, values)
    await _enforce_place(ctx, right, values)
    values["timezone"] = limits.timezone if new.timezone is None else new.timezone
    values["terms"] = terms.merge_terms({}, new.terms)
    schedule = schedules.check(new.cron_expr, values["timezone"], limits, now=now, dst=Terms.of(values["terms"]).dst)
    if values["selector"] is not None:
        fleet_tasks.check_schedule(Terms.of(values["terms"]), new.cron_expr)
    values |= commands.apply_limits(limits, new.timeout_seconds, new.output_limit, new.on_output_limit)
    values["shell"] = validation.find_shell(values["command"])
    values["secret_env"], own = secret_env.check_new(new.secret_env, new.env)
    scheduled = parameters.apply_to_schedule(values)
    values["parameter_values"] = scheduled.recorded
    found = await commands.check(ctx, task_changes.build_subject(values))
    values |= {"created_by": user_id, "updated_by": user_id, "created_at": now, "updated_at": now}
    values["next_run"] = schedules.find_next(schedule, now) if new.enabled else None  # without jitter: it needs the id
    in_shadow = new.schedule_mode == ScheduleMode.SHADOW
    values["schedule_mode_since"] = now if in_shadow else None
    starts = schedule.kind == schedules.ONCE and new.enabled and not in_shadow
    once = RunRequest(right, Trigger.MANUAL, found, now, limits.queue) if starts else None
    draft = RowDraft(values, ctx.service.vault, {**own, **scheduled.secrets})
    make = partial(_insert, draft=draft, once=once, right=right, limits=limits, actor=audit.build_actor(ctx))
    created = await _store_task(ctx, key, right, make)
    ctx.service.bus.hint(bus.SCHEDULE, *((bus.PENDING, bus.EXECUTIONS, bus.SLOTS) if once else ()))
    return created


async def _enforce_place(ctx: Context, right: RoleRequirement, values: dict[str, Any]) -> None:
    """Check the viewer's role where the task is to run, if `values` say where."""
    if values.get("server_id") is not None:
        await rights.enforce(ctx, right, values["server_id"], build_missing_error(values["server_id"]))
    elif values.get("selector") is not None:
        fleet_tasks.require_everywhere(right)


async def _store_task(
    ctx: Context, key: task_keys.CreationKey | None, right: RoleRequirement, make: Callable[[Connection], TaskCreated]
) -> TaskCreated:
    """Store the task. Only with a key can it be retried when its commit is unknown."""
    run = ctx.service.store.run
    if key is None:
        return await run(make)
    return TaskCreated(*await outcome.run_until_known(lambda: run(task_keys.make_once, key, right, make), key.text))


@audit.record_refusals_of("tasks.update", ObjectKind.TASK)
async def update(ctx: Context, id: int, change: TaskChange) -> Task:
    """Change the given fields, and the columns that follow from them and the task's current state."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    given_values = validation.apply_rules(collect_values(change), RULES)
    if "command" in given_values:
        given_values["shell"] = validation.find_shell(given_values["command"])
    for _ in range(MOST_TRIES):
        current = await _require_changeable_task(ctx, right, id)
        values = dict(given_values)
        values |= fleet_tasks.build_place(ctx, values, current)
        await _enforce_place(ctx, right, values)  # before the policy of that server is checked
        values |= task_changes.build_limits(ctx, current, given_values)
        values |= task_changes.build_secrets(ctx, current, given_values)
        values |= parameters.build_change(current, values, ctx.service.vault)
        if values.keys() & task_rows.CHECKED:
            subject = {name: values.get(name, getattr(current, name)) for name in task_rows.CHECKED}
            await commands.check(ctx, task_changes.build_subject(subject, task_id=id))
        now = ctx.service.clock()
        values |= task_changes.build_schedule(ctx, current, values, now)
        if values.get("selector", current.selector) is not None:
            expr = values.get("cron_expr", current.cron_expr)
            fleet_tasks.check_schedule(Terms.of(values.get("terms", current.terms)), expr)
        values |= {"updated_at": now, "updated_by": right.viewer.user_id}
        judge = decision.build_decider(ctx.service.policy)
        revision = TaskRevision(values, right, judge, audit.build_actor(ctx))
        if changed := await ctx.service.store.run(task_rows.change_row, current, revision):
            settled = values.keys() & {"next_run", "schedule_mode"}
            woken = (bus.PENDING, bus.EXECUTIONS, bus.SLOTS) if settled else ()
            ctx.service.bus.hint(bus.SCHEDULE, *woken)
            return changed
    raise Conflict("This task is being changed by others: try again.", "此任务正被他人修改，请重试。", field=("id",))


async def set_enabled(ctx: Context, id: int, enabled: bool) -> Task:
    return await update(ctx, id, TaskChange(enabled=enabled))


@audit.record_refusals_of("tasks.delete", ObjectKind.TASK)
async def delete(ctx: Context, id: int) -> Task:
    """Mark the task as deleted and stop its schedule. Its executions stay; pending ones are cancelled."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    task = await _require_changeable_task(ctx, right, id)
    ended = await ctx.service.store.run(_soft_delete, id, right, audit.build_actor(ctx))
    if ended is None:
        raise NotFound.for_object("task", id)
    ctx.service.bus.hint(bus.SCHEDULE, bus.EXECUTIONS, bus.SLOTS, *map(bus.execution_address, ended))
    return task


def _insert(
    conn: Connection, draft: RowDraft, once: RunRequest | None, right: RoleRequirement, limits: Limits, actor: Actor
) -> TaskCreated:
    if draft.values["server_id"] is not None:
        check = require_usable_server if once else require_server
        check(conn, draft.values["server_id"], right)
    created = _insert_with_run(conn, draft, once, limits)
    run = created.execution
    after = audit_records.describe_task(created.task) | ({} if run is None else {"execution_id": run.id})
    audit.record(conn, actor, AuditedChange(AuditKind.TASK_CREATED, ObjectKind.TASK, created.task.id, after=after))
    return created


def _insert_with_run(conn: Connection, draft: RowDraft, once: RunRequest | None, limits: Limits) -> TaskCreated:
    values = draft.values
    secret_env.require_secrets(conn, values["server_id"], values["secret_env"])
    if table.user_has_at_least(conn, values["created_by"], limits.max_tasks_per_user):
        raise _build_too_many_error(limits.max_tasks_per_user)
    task = table.insert(conn, values | ({"last_run": once.at} if once else {}))
    if draft.own:  # sealed values are bound to the row's id, so they are written after the insert
        table.update(conn, task.id, {"sealed_env": draft.seal_values("tasks", task.id)})
        task = table.by_id(conn, task.id) or task
    if once is None:
        if schedules.is_once(task.cron_expr) and task.enabled:  # it is in shadow
            slots.record(conn, [firing.build_shadowed_once_row(task)])
        return TaskCreated(_apply_jitter(conn, task), None)
    run = pending.insert_for_task(conn, task, once).row
    slots.record(conn, [firing.build_once_row(task, run)])
    return TaskCreated(task, run)


def _build_too_many_error(most: int) -> Conflict:
    return Conflict(f"You have {most} tasks already: delete some first.", f"您已有 {most} 个任务，请先删除一些。")


def _apply_jitter(conn: Connection, task: Task) -> Task:
    """Add the jitter, which depends on the task's id, to a new task's `next_run`."""
    offset = Terms.of(task.terms).offset(task.id)
    if task.next_run is None or not offset:
        return task
    table.update(conn, task.id, {"next_run": task.next_run + offset})
    return table.by_id(conn, task.id) or task


def _soft_delete(conn: Connection, id: int, right: RoleRequirement, actor: Actor) -> list[int] | None:
    """Mark the task as deleted. Return the ids of its cancelled executions; None if it does not exist."""
    before = table.lock_by_id(conn, id)
    if before is None:
        return None
    right.enforce(conn, before.server_id, NotFound.for_object("task", id))
    table.delete(conn, id, actor.at)
    ended = follow_ups.end_waiting(conn, id, actor.at, actor.actor_id)
    after = {"cancelled_executions": ended} if ended else None
    audit.record(
        conn,
        actor,
        AuditedChange(AuditKind.TASK_DELETED, ObjectKind.TASK, id, audit_records.describe_task(before), after),
    )
    return ended
