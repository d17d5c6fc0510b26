"""Executions: read by those who may see the server, started and cancelled by operators on it, without awaiting SSH."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Row

from db import executions as table
from db import start_reads, tasks, transitions
from db import stdin as stdins
from db.executions import ExecutionFilter
from db.models import Task, TaskExecution
from db.unavailable import StoreUnavailable
from db.values import AuditKind, ObjectKind, Role, State, Trigger
from resolvers import (
    audit,
    audit_records,
    commands,
    filters,
    fleet_tasks,
    outcome,
    paging,
    parameters,
    pending,
    rights,
    secret_env,
    validation,
)
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context
from resolvers.errors import Conflict, NotFound
from resolvers.inputs import RunCommand, RunTask
from resolvers.paging import Page, PageRequest, WantedRows
from resolvers.rights import RoleRequirement
from resolvers.secret_env import RowDraft
from resolvers.servers import build_missing_error, refuse_disabled
from runner import bus
from runner.admission.decision import PolicyDecision, PolicySubject, StoredPolicies
from runner.secrets.bindings import build_stdin_binding
from runner.secrets.vault import Vault

T = TypeVar("T")

LISTING: paging.Listing[TaskExecution, ExecutionFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("id", "created_at", "start_time", "end_time")
)
OF_TASKS: paging.ListingEach[TaskExecution, ExecutionFilter] = paging.ListingEach(
    page=table.page_of_tasks, count=table.count_of_tasks, orders=LISTING.orders
)
POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TaskToRun:
    """A task as it stands, and the policies that admins have set for its server and for itself."""

    task: Task
    policies: StoredPolicies


async def get(ctx: Context, id: int) -> TaskExecution:
    found = await ctx.service.store.read(table.by_id, validation.check_id("id", id), ctx.visibility)
    if found is None:
        raise NotFound.for_object("execution", id)
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[TaskExecution | None]:
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids, ctx.visibility)}
    return [found.get(id) for id in ids]


async def list_latest_of_tasks(ctx: Context, task_ids: Sequence[int]) -> list[TaskExecution | None]:
    """Each task's newest execution, in the order of `task_ids`."""
    found = {
        row.task_id: row for row in await ctx.service.store.read(table.list_latest_of_tasks, task_ids, ctx.visibility)
    }
    return [found.get(id) for id in task_ids]


async def page(
    ctx: Context, filter: ExecutionFilter, request: PageRequest, wanted: WantedRows | None = None
) -> Page[TaskExecution]:
    """Return a page. With `wanted`, its rows have those columns, and what they refer to comes in the same read."""
    checked = filters.check(ctx, filter)
    filters.refuse_numbered_scan(checked, request)
    if wanted is None:
        return await paging.load_page(ctx.service.store, LISTING, checked, request)
    visible = replace(wanted, visibility=ctx.visibility)
    return await paging.load_wanted(ctx.service.store, LISTING, checked, request, visible)


async def load_pages_of_tasks(
    ctx: Context, task_ids: Sequence[int], filter: ExecutionFilter, request: PageRequest
) -> list[Page[TaskExecution]]:
    """A page of each task's executions, in the order of `task_ids`."""
    return await paging.load_pages(ctx.service.store, OF_TASKS, task_ids, filters.check(ctx, filter), request)


@audit.record_refusals_of("executions.run_task", ObjectKind.TASK, lambda wanted: wanted.task_id)
async def run_task(ctx: Context, wanted: RunTask) -> TaskExecution:
    """Create a pending execution of the task as it is now. A known idempotency key returns its first execution."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    validation.check_id("task_id", wanted.task_id)
    wait = validation.check_wait_seconds(wanted.wait_seconds)
    given = validation.check_idempotency_key(wanted.idempotency_key)
    before = await ctx.service.store.read(_look_at_task, wanted, right, given)
    if not isinstance(before, TaskToRun):
        return await _announce_and_wait(ctx, before, wait)
    values = parameters.apply_to_run(before.task, wanted.parameters).recorded
    found = await commands.check(ctx, PolicySubject.of_task(before.task, values), before.policies)
    request = _build_run_request(ctx, right, found, given or outcome.generate_key())
    row = await _store_run(ctx, request, partial(_start_task, vault=ctx.service.vault), wanted)
    return await _announce_and_wait(ctx, row, wait)


@audit.record_refusals_of("executions.run_command", ObjectKind.SERVER, lambda wanted: wanted.server_id)
async def run_command(ctx: Context, wanted: RunCommand) -> TaskExecution:
    """Create a pending execution of a command without a task. A known idempotency key returns its first execution."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    values: dict[str, Any] = {
        "server_id": validation.check_id("server_id", wanted.server_id),
        "command": validation.check_command_text(wanted.command),
        "env": validation.check_env(wanted.env),
        "working_dir": validation.check_working_dir(wanted.working_dir),
        "merge_streams": wanted.merge_streams,
    }
    values["shell"] = validation.find_shell(values["command"])
    stdin = validation.stdin(wanted.stdin)
    values["stdin_bytes"] = None if stdin is None else len(stdin)
    values["stdin_sha256"] = None if stdin is None else hashlib.sha256(stdin).hexdigest()
    values["secret_env"], own = secret_env.check_new(wanted.secret_env, wanted.env)
    await rights.enforce(ctx, right, wanted.server_id, build_missing_error(wanted.server_id))
    values |= commands.apply_limits(
        ctx.service.limits, wanted.timeout_seconds, wanted.output_limit, wanted.on_output_limit
    )
    wait = validation.check_wait_seconds(wanted.wait_seconds)
    given = validation.check_idempotency_key(wanted.idempotency_key)
    values["task_id"] = None
    row = None if given is None else await ctx.service.store.read(pending.find_run_by_key, right, given, values)
    if row is None:
        stored = await ctx.service.store.read_fact(commands.load_policies_of_server, wanted.server_id)
        found = await commands.check(ctx, secret_env.build_subject(values, stdin=stdin), stored)
        trigger = Trigger.API if ctx.os_user is None else Trigger.CLI
        request = _build_run_request(ctx, right, found, given or outcome.generate_key(), trigger)
        row = await _store_run(ctx, request, _start_command, RowDraft(values, ctx.service.vault, own, stdin))
    return await _announce_and_wait(ctx, row, wait)


@audit.record_refusals_of("executions.cancel", ObjectKind.EXECUTION)
async def cancel(ctx: Context, id: int) -> TaskExecution:
    """Request that the execution stop, and return at once. The stream and `verifiedGone` report the outcome."""
    right = await rights.require_role(ctx, Role.OPERATOR)
    row = await get(ctx, id)
    stopping = await ctx.service.store.run(_request_stop, row, right, audit.build_actor(ctx))
    if stopping is None:
        raise Conflict(
            f"Execution {id} has ended already: there is nothing to cancel.",
            f"执行 {id} 已结束，无需取消。",
            field=("id",),
        )
    ctx.service.bus.hint(bus.CANCELS, bus.EXECUTIONS, bus.FOLLOW_UPS, bus.FLEET_RUNS)
    ctx.service.bus.publish(bus.execution_address(id), stopping)
    return stopping


async def _store_run(
    ctx: Context,
    request: pending.RunRequest,
    start: Callable[[Connection, T, pending.RunRequest, Actor], TaskExecution],
    what: T,
) -> TaskExecution:
    """Store the execution and return it. If the commit is unknown, a repeat finds it by the request's key."""
    actor = audit.build_actor(ctx)
    return await outcome.run_until_known(
        lambda: ctx.service.store.run(start, what, request, actor), request.idempotency_key
    )


def _build_run_request(
    ctx: Context, right: RoleRequirement, ruling: PolicyDecision, key: str, trigger: Trigger = Trigger.MANUAL
) -> pending.RunRequest:
    queue, now = ctx.service.limits.queue, ctx.service.clock()
    return pending.RunRequest(right, trigger, ruling, now, queue, key)


def _look_at_task(
    conn: Connection, wanted: RunTask, right: RoleRequirement, key: str | None
) -> TaskExecution | TaskToRun:
    """Return the run that the key made before, or else the task, if the viewer has the required role on its server."""
    task_id = wanted.task_id
    row = pending.find_run_by_key(conn, right, key, {"task_id": task_id})
    if row is not None:
        return parameters.require_repeat(conn, row, wanted)
    task, policies = _require_found(start_reads.load_task_with_policies(conn, task_id), task_id)
    right.enforce(conn, task.server_id, _build_missing_task_error(task_id))
    if task.selector is not None:
        raise fleet_tasks.build_run_error(task_id)
    return TaskToRun(task, commands.load_policies(conn, policies))


def _require_found(found: T | None, task_id: int) -> T:
    if found is None:
        raise _build_missing_task_error(task_id)
    return found


def _build_missing_task_error(task_id: int) -> NotFound:
    return NotFound.for_object("task", task_id).with_field("task_id")


def _start_task(
    conn: Connection, wanted: RunTask, request: pending.RunRequest, actor: Actor, *, vault: Vault
) -> TaskExecution:
    """Insert the run of a task, read again in this transaction, so that the record shows what is run."""
    task_id = wanted.task_id
    task, server = _require_found(start_reads.load_task(conn, task_id), task_id)
    request.right.enforce(conn, task.server_id, _build_missing_task_error(task_id))
    if server is None or task.server_id is None:
        raise build_missing_error(task.server_id or 0)
    refuse_disabled(server)
    changes = parameters.build_run_columns(task, parameters.apply_to_run(task, wanted.parameters), vault)
    created = pending.insert_for_task(conn, task, request, server.waiting, changes)
    if not created.new:
        return parameters.require_repeat(conn, created.row, wanted)
    tasks.note_run(conn, task.id, created.row.created_at)
    return _record_start(conn, created, actor)


def _start_command(conn: Connection, draft: RowDraft, request: pending.RunRequest, actor: Actor) -> TaskExecution:
    """Insert the run of a command, then its sealed values and input, which are bound to the row's id."""
    values = draft.values
    missing = build_missing_error(values["server_id"])
    request.right.enforce(conn, values["server_id"], missing)
    server = start_reads.load_server(conn, values["server_id"])
    if server is None:
        raise missing
    refuse_disabled(server)
    secret_env.require_secrets(conn, values["server_id"], values["secret_env"])
    created = pending.insert(conn, values, request, server.waiting)
    if created.new and draft.own:
        table.store_sealed(conn, created.row.id, {"sealed_env": draft.seal_values("task_executions", created.row.id)})
    if created.new and draft.stdin:
        stdins.insert_sealed(conn, created.row.id, draft.vault.seal(draft.stdin, **build_stdin_binding(created.row.id)))
    return _record_start(conn, created, actor)


def _record_start(conn: Connection, created: pending.CreatedRun, actor: Actor) -> TaskExecution:
    """Write the audit event of a new run; a repeat under the same key writes none."""
    if created.new:
        after = audit_records.describe_execution(created.row)
        audit.record(
            conn, actor, AuditedChange(AuditKind.EXECUTION_STARTED, ObjectKind.EXECUTION, created.row.id, after=after)
        )
    return created.row


def _request_stop(conn: Connection, row: TaskExecution, right: RoleRequirement, actor: Actor) -> TaskExecution | None:
    """Request the cancellation and return the row; None if the execution has ended."""
    right.enforce(conn, row.server_id, NotFound.for_object("execution", row.id))
    found = transitions.request_cancel(conn, row.id, actor.at, actor.actor_id)
    if found == "final":
        return None
    after = {"outcome": found}
    audit.record(conn, actor, AuditedChange(AuditKind.EXECUTION_CANCELLED, ObjectKind.EXECUTION, row.id, after=after))
    return table.by_id(conn, row.id)


async def _announce_and_wait(ctx: Context, row: TaskExecution, wait: float) -> TaskExecution:
    """Wake the runner and the watchers, then wait until the run is final or `wait` seconds have passed."""
    with ctx.service.bus.watch(bus.execution_address(row.id)) as watch:
        ctx.service.bus.hint(bus.PENDING, bus.EXECUTIONS)
        loop = asyncio.get_running_loop()
        until, poll_at, seen = loop.time() + wait, loop.time() + POLL_SECONDS, None
        while not State(row.state).is_final and (now := loop.time()) < until:
            await watch.wait(min(until, poll_at) - now)
            watch.clear()
            is_new = watch.value is not seen
            if seen is not None and not is_new and loop.time() < poll_at:
                continue  # a hint without the row: who drives the run publishes its changes
            seen, poll_at = watch.value, loop.time() + POLL_SECONDS
            if isinstance(seen, Row) and is_new and ctx.visibility.is_unrestricted:
                row = cast("TaskExecution", seen)
            else:
                row = await _reload_run(ctx, row, until + POLL_SECONDS)
    return row


async def _reload_run(ctx: Context, row: TaskExecution, until: float) -> TaskExecution:
    """Return the row as it is now, or the given one if that fails: it is committed, so it is a valid answer."""
    with suppress(StoreUnavailable, TimeoutError):
        async with asyncio.timeout_at(until):
            return await ctx.service.store.read(table.by_id, row.id, ctx.visibility) or row
    return row
