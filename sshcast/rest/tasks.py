"""The task routes of REST."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.executions import ExecutionFilter
from db.models import Task
from db.tasks import TaskFilter
from db.values import Role
from resolvers import executions, fleet_starts, outcome, tasks
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.fleet_inputs import FleetRequest, StartFleetRun
from resolvers.inputs import NewTask, ParameterValue, RunTask, TaskChange
from resolvers.paging import Page, PageRequest
from resolvers.validation import CONTROL, check_text
from sshcast.http import bearer, body
from sshcast.http.answers import build_json_answer, build_success_answer, catch_errors
from sshcast.rest import shapes

MAX_CRON = 50
MAX_NAME = 100
PAGE = ("page", "page_size")
FILTERS = ("server_id", "status", "start_time", "end_time", "name", "created_by", "fleet")
FIELDS: dict[str, type] = {"name": str, "command": str, "server_id": int, "cron_expr": str}
RUN: dict[str, type] = {"parameters": dict}


async def _create(request: Request) -> Response:
    ctx = await bearer.require_viewer(request, Role.OPERATOR)
    # Without a key of the client's, one of ours: it tells a task that was stored from one that was not.
    key = bearer.read_idempotency_key(request) or outcome.generate_key()
    found = await body.read(request, FIELDS)
    created = await tasks.create(ctx, NewTask(**check_fields(found), idempotency_key=key))
    execution_id = created.execution.id if created.execution else None
    data = shapes.build_task(created.task) | {"execution_id": execution_id}
    return build_success_answer(
        request, "Task created.", "任务创建成功", data, id=created.task.id, execution_id=execution_id
    )


async def _list_tasks(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    found = bearer.read_query(request, *PAGE, *FILTERS)
    filter = TaskFilter(
        server_id=bearer.parse_optional_integer(found, "server_id"),
        enabled=None if (status := bearer.parse_optional_integer(found, "status", 0, 1)) is None else bool(status),
        name_contains=read_name_filter(found),
        last_run_from=bearer.parse_optional_time(found, "start_time"),
        last_run_to=bearer.parse_optional_time(found, "end_time", until=True),
        created_by=bearer.parse_optional_integer(found, "created_by"),
        fleet=None if _read_flag(found, "fleet") else False,
    )
    page = await tasks.page(ctx, filter, read_page_request(found))
    return await _build_page_answer(page, [shapes.build_task(row) for row in page.rows])


async def _update(request: Request) -> Response:
    ctx = await bearer.require_viewer(request, Role.OPERATOR)
    id = bearer.read_path_id(request)
    found = check_fields(await body.read(request, FIELDS | {"status": int}, required=False))
    if found.get("server_id") == 0 and (await tasks.get(ctx, id)).selector is not None:
        del found["server_id"]  # as the list gives it for a fleet task, which stays one
    task = await tasks.update(ctx, id, TaskChange(**found))
    return build_success_answer(request, "Task updated.", "任务更新成功", shapes.build_task(task))


async def _delete(request: Request) -> Response:
    ctx = await bearer.require_viewer(request, Role.OPERATOR)
    task: Task = await tasks.delete(ctx, bearer.read_path_id(request))
    return build_success_answer(request, "Task deleted.", "任务删除成功", {"id": task.id})


async def _execute(request: Request) -> Response:
    ctx = await bearer.require_viewer(request, Role.OPERATOR)
    id, key = bearer.read_path_id(request), bearer.read_idempotency_key(request)
    wanted = RunTask(
        task_id=id, parameters=_read_parameters(await body.read_optional(request, RUN)), idempotency_key=key
    )
    if (await tasks.get(ctx, id)).selector is not None:
        return await _start_fleet_run(request, ctx, wanted)
    row = await executions.run_task(ctx, wanted)
    return build_success_answer(
        request, "Execution started.", "任务已开始执行", shapes.build_execution(row), execution_id=row.id
    )


async def _start_fleet_run(request: Request, ctx: Context, wanted: RunTask) -> Response:
    """Start the fleet run of a fleet task. The answer has its first execution, or null if its batch has not started."""
    work = FleetRequest(task_id=wanted.task_id, parameters=wanted.parameters)
    order = StartFleetRun(request=work, idempotency_key=wanted.idempotency_key)
    run = await fleet_starts.start(ctx, order)
    first = await executions.page(ctx, ExecutionFilter(fleet_run_id=run.id), PageRequest(first=1))
    execution = first.rows[0] if first.rows else None
    data = (shapes.build_execution(execution) if execution else {}) | {"fleet_run_id": run.id}
    execution_id = None if execution is None else execution.id
    return build_success_answer(
        request, "Fleet run started.", "批量执行已开始", data, execution_id=execution_id, fleet_run_id=run.id
    )


def _read_flag(found: dict[str, str], name: str) -> bool:
    """Return whether a flag of the query is `true`. Invalid for another word than `true` and `false`."""
    value = found.get(name, "false")
    if value not in ("true", "false"):
        raise Invalid(name, "must be true or false.", "须为 true 或 false。")
    return value == "true"


def _read_parameters(found: dict[str, Any]) -> list[ParameterValue]:
    """Return the values by parameters' names that the body gives."""
    given: dict[str, Any] = found.get("parameters", {})
    for name, value in given.items():
        body.check_type(f"parameters.{bearer.format_name(name)}", value, str)
    return [ParameterValue(name=name, value=value) for name, value in given.items()]


async def _list_executions(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    id = bearer.read_path_id(request)
    wanted = read_page_request(bearer.read_query(request, *PAGE))
    task = await tasks.get(ctx, id)
    page = await executions.page(ctx, ExecutionFilter(task_id=task.id), wanted)
    return await _build_page_answer(page, [shapes.build_execution(row) for row in page.rows])


def read_name_filter(found: dict[str, str]) -> str | None:
    """Return the filter on names: any text that a name may contain, also a single space."""
    part = found.get("name")
    if part is not None and (len(part) > MAX_NAME or CONTROL.search(part)):
        raise Invalid(
            "name",
            f"must be at most {MAX_NAME} characters, none of them a control character.",
            f"最多 {MAX_NAME} 个字符，且不能包含控制字符。",
        )
    return part


def read_page_request(found: dict[str, str]) -> PageRequest:
    """Return the request for a numbered page, newest first."""
    page = bearer.parse_optional_integer(found, "page", 1, 1_000_000) or 1
    page_size = bearer.parse_optional_integer(found, "page_size", 1, 100) or 10
    return PageRequest(page=page, page_size=page_size, descending=True)


async def _build_page_answer(page: Page[Any], items: list[dict[str, Any]]) -> Response:
    return build_json_answer(
        {"list": items, "total": await page.count(), "page": page.page, "page_size": page.page_size}
    )


def check_fields(found: dict[str, Any]) -> dict[str, Any]:
    """Check what only REST limits: a cron expression of 1 to 50 characters, `status` for enabled."""
    if "cron_expr" in found:
        check_text("cron_expr", found["cron_expr"], longest=MAX_CRON)
    if "status" in found:
        if found["status"] not in (0, 1):
            raise Invalid("status", "must be 0 (disabled) or 1 (enabled).", "必须是 0（禁用）或 1（启用）。")
        found["enabled"] = bool(found.pop("status"))
    return found


ROUTES = [
    Route("/api/tasks", catch_errors(_list_tasks), methods=["GET"]),
    Route("/api/tasks", catch_errors(_create), methods=["POST"]),
    Route("/api/tasks/{id}", catch_errors(_update), methods=["PUT"]),
    Route("/api/tasks/{id}", catch_errors(_delete), methods=["DELETE"]),
    Route("/api/tasks/{id}/execute", catch_errors(_execute), methods=["POST"]),
    Route("/api/tasks/{id}/executions", catch_errors(_list_executions), methods=["GET"]),
]
