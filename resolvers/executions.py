"""Executions: read by whoever sees their server, started and cancelled by operators on it. SSH is not awaited here."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection

from db import executions as table
from db import stdin as stdins
from db import tasks, transitions
from db.executions import ExecutionFilter
from db.models import Task, TaskExecution
from db.unavailable import StoreUnavailable
from db.values import AuditKind, ObjectKind, Role, State, Trigger
from resolvers import audit, audit_records, commands, filters, outcome, paging, pending, rights, rules, secret_env
from resolvers.audit import Act, Deed
from resolvers.context import Context
from resolvers.errors import Conflict, NotFound
from resolvers.inputs import RunCommand, RunTask
from resolvers.paging import Page, PageRequest
from resolvers.rights import Right
from resolvers.secret_env import Draft
from resolvers.servers import missing, require_usable
from runner import bus
from runner.ruling import Ruling, Subject
from runner.run_secrets import place_of_stdin

T = TypeVar("T")

LISTING: paging.Listing[TaskExecution, ExecutionFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("id", "created_at", "start_time", "end_time")
)
OF_TASKS: paging.ListingEach[TaskExecution, ExecutionFilter] = paging.ListingEach(
    page=table.page_of_tasks, count=table.count_of_tasks, orders=LISTING.orders
)
POLL_SECONDS = 1.0


async def get(ctx: Context, id: int) -> TaskExecution:
    found = await ctx.service.store.read(table.by_id, rules.identifier("id", id), ctx.sight)
    if found is None:
        raise NotFound.named("execution", id)
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[TaskExecution | None]:
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids, ctx.sight)}
    return [found.get(id) for id in ids]


async def latest_of_tasks(ctx: Context, task_ids: Sequence[int]) -> list[TaskExecution | None]:
    """Each task's newest execution, in the order of `task_ids`."""
    found = {row.task_id: row for row in await ctx.service.store.read(table.latest_of_tasks, task_ids, ctx.sight)}
    return [found.get(id) for id in task_ids]


async def page(ctx: Context, filter: ExecutionFilter, request: PageRequest) -> Page[TaskExecution]:
    return await paging.fetch(ctx.service.store, LISTING, filters.checked(ctx, filter), request)


async def pages_of_tasks(
    ctx: Context, task_ids: Sequence[int], filter: ExecutionFilter, request: PageRequest
) -> list[Page[TaskExecution]]:
    """A page of each task's executions, in the order of `task_ids`."""
    return await paging.fetch_each(ctx.service.store, OF_TASKS, task_ids, filters.checked(ctx, filter), request)


@audit.refusals_of("executions.run_task", ObjectKind.TASK, lambda wanted: wanted.task_id)
async def run_task(ctx: Context, wanted: RunTask) -> TaskExecution:
    """A pending execution of the task, as the task stands now; under a key of before, the execution of before."""
    right = await rights.need(ctx, Role.OPERATOR)
    rules.identifier("task_id", wanted.task_id)
    wait = rules.wait_seconds(wanted.wait_seconds)
    given = rules.idempotency_key(wanted.idempotency_key)
    read, same = ctx.service.store.read, {"task_id": wanted.task_id}
    if (row := await read(pending.known, right, given, same)) is None:
        task = await read(runnable, wanted.task_id, right)
        found = await commands.check(ctx, Subject.of_task(task))
        asked = asking(ctx, right, found, given or outcome.make_key())
        row = await _stored(ctx, asked, start_task, task.id)
    return await announced(ctx, row, wait)


@audit.refusals_of("executions.run_command", ObjectKind.SERVER, lambda wanted: wanted.server_id)
async def run_command(ctx: Context, wanted: RunCommand) -> TaskExecution:
    """A pending execution of a command that is no task's."""
    right = await rights.need(ctx, Role.OPERATOR)
    values: dict[str, Any] = {
        "server_id": rules.identifier("server_id", wanted.server_id),
        "command": rules.command(wanted.command),
        "env": rules.env(wanted.env),
        "working_dir": rules.working_dir(wanted.working_dir),
    }
    values["shell"] = rules.shell(values["command"])
    stdin = rules.stdin(wanted.stdin)
    values["stdin_bytes"] = None if stdin is None else len(stdin)
    values["stdin_sha256"] = None if stdin is None else hashlib.sha256(stdin).hexdigest()
    values["secret_env"], own = secret_env.of_new(wanted.secret_env, wanted.env)
    await rights.check(ctx, right, wanted.server_id, missing(wanted.server_id))
    values |= commands.bounded(ctx.service.limits, wanted.timeout_seconds, wanted.output_limit)
    wait = rules.wait_seconds(wanted.wait_seconds)
    given = rules.idempotency_key(wanted.idempotency_key)
    values["task_id"] = None
    if (row := await ctx.service.store.read(pending.known, right, given, values)) is None:
        found = await commands.check(ctx, secret_env.subject(values, stdin=stdin))
        trigger = Trigger.API if ctx.os_user is None else Trigger.CLI
        asked = asking(ctx, right, found, given or outcome.make_key(), trigger)
        row = await _stored(ctx, asked, start_command, Draft(values, ctx.service.vault, own, stdin))
    return await announced(ctx, row, wait)


@audit.refusals_of("executions.cancel", ObjectKind.EXECUTION)
async def cancel(ctx: Context, id: int) -> TaskExecution:
    """Ask that it stop; returns at once. The stream and `verifiedGone` tell the outcome."""
    right = await rights.need(ctx, Role.OPERATOR)
    row = await get(ctx, id)
    stopping = await ctx.service.store.run(ask_to_stop, row, right, audit.act(ctx))
    if stopping is None:
        raise Conflict(
            f"Execution {id} has ended already: there is nothing to cancel.",
            f"执行 {id} 已结束，无需取消。",
            field=("id",),
        )
    ctx.service.bus.hint(bus.CANCELS, bus.EXECUTIONS, bus.execution_address(id))
    return stopping


async def _stored(
    ctx: Context, asked: pending.Asked, start: Callable[[Connection, T, pending.Asked, Act], TaskExecution], what: T
) -> TaskExecution:
    """The committed row. A repeat finds it under the key in `asked` if the first try was committed after all."""
    act = audit.act(ctx)
    return await outcome.settle(lambda: ctx.service.store.run(start, what, asked, act), asked.idempotency_key)


def asking(ctx: Context, right: Right, ruling: Ruling, key: str, trigger: Trigger = Trigger.MANUAL) -> pending.Asked:
    queue, now = ctx.service.limits.queue, ctx.service.clock()
    return pending.Asked(right, trigger, ruling, now, queue, key)


def runnable(conn: Connection, task_id: int, right: Right) -> Task:
    """The task, if the right holds on its server."""
    absent = NotFound.named("task", task_id)
    absent = NotFound(absent.en, absent.chinese, field=("task_id",))
    if (task := tasks.by_id(conn, task_id)) is None:
        raise absent
    right.on(conn, task.server_id, absent)
    return task


def start_task(conn: Connection, task_id: int, asked: pending.Asked, act: Act) -> TaskExecution:
    """Read the task again in the transaction that runs it, so that what is recorded is what it was."""
    task = runnable(conn, task_id, asked.right)
    require_usable(conn, task.server_id, asked.right)
    made = pending.of_task(conn, task, asked)
    tasks.update(conn, task.id, {"last_run": made.row.created_at})
    return started(conn, made, act)


def start_command(conn: Connection, draft: Draft, asked: pending.Asked, act: Act) -> TaskExecution:
    """Its secret values are sealed for the row, and so they follow when it has an id."""
    values = draft.values
    require_usable(conn, values["server_id"], asked.right)
    secret_env.require_registered(conn, values["server_id"], values["secret_env"])
    made = pending.insert(conn, values, asked)
    if made.new and draft.own:
        table.seal(conn, made.row.id, {"sealed_env": draft.sealed("task_executions", made.row.id)})
    if made.new and draft.stdin:
        stdins.keep(conn, made.row.id, draft.vault.seal(draft.stdin, **place_of_stdin(made.row.id)))
    return started(conn, made, act)


def started(conn: Connection, made: pending.Made, act: Act) -> TaskExecution:
    """The audit tells of a run once, however often it is asked for under the same key."""
    if made.new:
        after = audit_records.execution(made.row)
        audit.record(conn, act, Deed(AuditKind.EXECUTION_STARTED, ObjectKind.EXECUTION, made.row.id, after=after))
    return made.row


def ask_to_stop(conn: Connection, row: TaskExecution, right: Right, act: Act) -> TaskExecution | None:
    """The row as it is then; None if it has ended already."""
    right.on(conn, row.server_id, NotFound.named("execution", row.id))
    found = transitions.request_cancel(conn, row.id, act.at)
    if found == "final":
        return None
    after = {"outcome": found}
    audit.record(conn, act, Deed(AuditKind.EXECUTION_CANCELLED, ObjectKind.EXECUTION, row.id, after=after))
    return table.by_id(conn, row.id)


async def announced(ctx: Context, row: TaskExecution, wait: float) -> TaskExecution:
    """Wake the runner and the watchers; then hold the answer until the run is final or `wait` seconds are over."""
    with ctx.service.bus.watch(bus.execution_address(row.id)) as watch:
        ctx.service.bus.hint(bus.PENDING, bus.EXECUTIONS)
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while not State(row.state).final and (left := until - loop.time()) > 0:
            await watch.wait(min(left, POLL_SECONDS))
            watch.clear()
            row = await _newest(ctx, row, until + POLL_SECONDS)
    return row


async def _newest(ctx: Context, row: TaskExecution, until: float) -> TaskExecution:
    """The row as it is now. It is committed: whatever fails from then on, the one in hand is an answer."""
    with suppress(StoreUnavailable, TimeoutError):
        async with asyncio.timeout_at(until):
            return await ctx.service.store.read(table.by_id, row.id, ctx.sight) or row
    return row
