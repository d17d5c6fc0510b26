"""Fleet tasks: tasks with a selector of servers instead of one server. Each of their slots makes a fleet run.

Whoever changes or runs one needs a role that holds everywhere: its servers are not known before it runs.
"""

from dataclasses import replace
from typing import Any

from db import tasks as table
from db.models import Task
from db.values import OnRefused, Overlap
from resolvers import fleet_selectors, fleet_terms, schedules
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound
from resolvers.fleet_inputs import FleetRequest, StartFleetRun
from resolvers.inputs import UNSET, FleetTerms, SelectServers
from resolvers.rights import RoleRequirement
from runner.scheduling.terms import Terms

PLACE = ("server_id", "selector", "fleet")
"""What a request says of where a task runs."""
COLUMNS = ("selector", "fleet_terms")
"""The columns of a fleet task's place, besides the server that it has not."""


def build_place(ctx: Context, values: dict[str, Any], current: Task | None = None) -> dict[str, Any]:
    """Take what is given of PLACE out of `values`, and return the columns of where the task runs; {} if nothing is.

    Invalid unless that is either one server or a selector. `current`: the task that is changed.
    """
    server_id, selector, fleet = (values.pop(name, UNSET) for name in PLACE)
    if server_id is UNSET and selector is UNSET and fleet is UNSET:
        return {}
    by_server, by_selector = server_id not in (UNSET, None), selector not in (UNSET, None)
    if by_server and by_selector:
        raise Invalid("selector", "cannot be given together with serverId.", "不能与 serverId 同时给出。")
    stays = current is not None and current.selector is not None and not by_server and selector is UNSET
    if by_selector or stays:
        return _build_fleet_place(ctx, selector, fleet, current)
    if fleet not in (UNSET, None):
        raise Invalid("fleet", "is for a task with a selector.", "仅用于带有 selector 的任务。")
    if by_server:
        return {"server_id": server_id, "selector": None, "fleet_terms": {}}
    if current is not None and current.server_id is not None and server_id is UNSET:
        return {}
    raise Invalid("server_id", "must be given, or a selector instead.", "必须给出，或改为给出 selector。")


def _build_fleet_place(ctx: Context, selector: Any, fleet: Any, current: Task | None) -> dict[str, Any]:
    stored: dict[str, Any] | None
    if isinstance(selector, SelectServers):
        stored = fleet_selectors.describe(fleet_selectors.check(ctx, selector))
    else:
        stored = current.selector if current is not None else None
    if fleet is UNSET and current is not None and current.selector is not None:
        terms = current.fleet_terms
    else:
        terms = fleet_terms.check(fleet if isinstance(fleet, FleetTerms) else FleetTerms())
    return {"server_id": None, "selector": stored, "fleet_terms": terms}


def require_everywhere(right: RoleRequirement) -> None:
    """Raise Forbidden unless the viewer's role holds everywhere."""
    if not right.holds_everywhere:
        raise Forbidden(
            f"A fleet task needs the role {right.role} on every server, not by grants. Ask an admin.",
            f"批量任务需要在所有服务器上具有 {right.role} 角色（而非授权），请联系管理员。",
        )


def check_schedule(terms: Terms, cron_expr: str) -> None:
    """Raise Invalid for what a fleet run has no meaning for: its executions are retried by `retryFleetRun`."""
    if schedules.is_once(cron_expr):
        raise Invalid(
            "cron_expr",
            "cannot be @once for a fleet task: start it with startFleetRun.",
            "批量任务不能使用 @once：请使用 startFleetRun 启动。",
        )
    if terms.overlap == Overlap.REPLACE:
        raise Invalid(("terms", "overlap"), "cannot be REPLACE for a fleet task.", "批量任务不能使用 REPLACE。")
    if terms.retry_limit:
        raise Invalid(
            ("terms", "retry_limit"),
            "must be 0 for a fleet task: repeat servers with retryFleetRun.",
            "批量任务须为 0：请使用 retryFleetRun 重试部分服务器。",
        )
    if terms.start_deadline_seconds is not None:
        raise Invalid(("terms", "start_deadline_seconds"), "must be null for a fleet task.", "批量任务须为 null。")


def build_run_error(task_id: int) -> Conflict:
    """Return the error of running a fleet task as if it had one server."""
    return Conflict(
        f"Task {task_id} runs on many servers: start it with startFleetRun(input: {{work: {{taskId: {task_id}}}}}).",
        f"任务 {task_id} 在多台服务器上执行：请使用 startFleetRun(input: {{work: {{taskId: {task_id}}}}}) 启动。",
        field=("task_id",),
    )


async def complete_request(ctx: Context, wanted: FleetRequest) -> FleetRequest:
    """Return the request with the selector of its task, if it has none."""
    return (await complete_start(ctx, StartFleetRun(request=wanted))).request


async def complete_start(ctx: Context, wanted: StartFleetRun) -> StartFleetRun:
    """Return the start with its task's selector, and its task's terms for those not given, if it has no selector."""
    request = wanted.request
    if request.selector is not None:
        return wanted
    if request.task_id is None:
        raise Invalid("selector", "must be given for a command.", "执行命令时必须给出。")
    task = await ctx.service.store.read(table.by_id, request.task_id, ctx.visibility)
    if task is None:
        found = NotFound.for_object("task", request.task_id)
        raise NotFound(found.en, found.chinese, field=("work", "task_id"))
    if task.selector is None:
        raise Invalid("selector", "must be given: the task has none.", "必须给出：该任务没有 selector。")
    terms = task.fleet_terms
    skips = OnRefused.SKIP in (wanted.on_refused, terms["on_refused"])
    return replace(
        wanted,
        request=replace(request, selector=SelectServers(**task.selector)),
        batch_size=wanted.batch_size or terms["batch_size"],
        pause_seconds=wanted.pause_seconds or terms["pause_seconds"],
        stop_after=wanted.stop_after or terms["stop_after"],
        on_refused=OnRefused.SKIP if skips else OnRefused.FAIL_ALL,
    )
