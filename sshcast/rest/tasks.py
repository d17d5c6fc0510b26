"""The task routes."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.executions import ExecutionFilter
from db.models import Task
from db.tasks import TaskFilter
from db.values import Role
from resolvers import executions, outcome, tasks
from resolvers.errors import Invalid
from resolvers.inputs import NewTask, RunTask, TaskChange
from resolvers.paging import Page, PageRequest
from resolvers.rules import CONTROL, text
from sshcast.rest import asked, body, shapes
from sshcast.rest.answers import done, guarded, json_answer

MAX_CRON = 50
MAX_NAME = 100
PAGE = ("page", "page_size")
FILTERS = ("server_id", "status", "start_time", "end_time", "name", "created_by")
FIELDS: dict[str, type] = {"name": str, "command": str, "server_id": int, "cron_expr": str}


async def create(request: Request) -> Response:
    ctx = await asked.signed_in(request, Role.OPERATOR)
    # Without a key of the client's, one of ours: it tells a task that was stored from one that was not.
    key = asked.idempotency_key(request) or outcome.make_key()
    found = await body.read(request, FIELDS)
    created = await tasks.create(ctx, NewTask(**checked(found), idempotency_key=key))
    execution_id = created.execution.id if created.execution else None
    data = shapes.task(created.task) | {"execution_id": execution_id}
    return done(request, "Task created.", "任务创建成功", data, id=created.task.id, execution_id=execution_id)


async def listed(request: Request) -> Response:
    ctx = await asked.signed_in(request)
    found = asked.query(request, *PAGE, *FILTERS)
    filter = TaskFilter(
        server_id=asked.optional_integer(found, "server_id"),
        enabled=None if (status := asked.optional_integer(found, "status", 0, 1)) is None else bool(status),
        name_contains=name_part(found),
        last_run_from=asked.optional_time(found, "start_time"),
        last_run_to=asked.optional_time(found, "end_time", until=True),
        created_by=asked.optional_integer(found, "created_by"),
    )
    page = await tasks.page(ctx, filter, page_request(found))
    return await page_answer(page, [shapes.task(row) for row in page.rows])


async def update(request: Request) -> Response:
    ctx = await asked.signed_in(request, Role.OPERATOR)
    id = asked.path_id(request)
    found = checked(await body.read(request, FIELDS | {"status": int}, required=False))
    task = await tasks.update(ctx, id, TaskChange(**found))
    return done(request, "Task updated.", "任务更新成功", shapes.task(task))


async def delete(request: Request) -> Response:
    ctx = await asked.signed_in(request, Role.OPERATOR)
    task: Task = await tasks.delete(ctx, asked.path_id(request))
    return done(request, "Task deleted.", "任务删除成功", {"id": task.id})


async def execute(request: Request) -> Response:
    ctx = await asked.signed_in(request, Role.OPERATOR)
    id, key = asked.path_id(request), asked.idempotency_key(request)
    await body.empty(request)
    row = await executions.run_task(ctx, RunTask(task_id=id, idempotency_key=key))
    return done(request, "Execution started.", "任务已开始执行", shapes.execution(row), execution_id=row.id)


async def history(request: Request) -> Response:
    ctx = await asked.signed_in(request)
    id = asked.path_id(request)
    wanted = page_request(asked.query(request, *PAGE))
    task = await tasks.get(ctx, id)
    page = await executions.page(ctx, ExecutionFilter(task_id=task.id), wanted)
    return await page_answer(page, [shapes.execution(row) for row in page.rows])


def name_part(found: dict[str, str]) -> str | None:
    """The filter on names: any text that a name can hold, a lone space too."""
    part = found.get("name")
    if part is not None and (len(part) > MAX_NAME or CONTROL.search(part)):
        raise Invalid(
            "name",
            f"must be at most {MAX_NAME} characters, none of them a control character.",
            f"最多 {MAX_NAME} 个字符，且不能包含控制字符。",
        )
    return part


def page_request(found: dict[str, str]) -> PageRequest:
    """Newest first, by page number."""
    page = asked.optional_integer(found, "page", 1, 1_000_000) or 1
    page_size = asked.optional_integer(found, "page_size", 1, 100) or 10
    return PageRequest(page=page, page_size=page_size, descending=True)


async def page_answer(page: Page[Any], items: list[dict[str, Any]]) -> Response:
    return json_answer({"list": items, "total": await page.count(), "page": page.page, "page_size": page.page_size})


def checked(found: dict[str, Any]) -> dict[str, Any]:
    """The bounds that are this door's own: a cron expression of 1 to 50 characters, `status` for enabled."""
    if "cron_expr" in found:
        text("cron_expr", found["cron_expr"], longest=MAX_CRON)
    if "status" in found:
        if found["status"] not in (0, 1):
            raise Invalid("status", "must be 0 (disabled) or 1 (enabled).", "必须是 0（禁用）或 1（启用）。")
        found["enabled"] = bool(found.pop("status"))
    return found


ROUTES = [
    Route("/api/tasks", guarded(listed), methods=["GET"]),
    Route("/api/tasks", guarded(create), methods=["POST"]),
    Route("/api/tasks/{id}", guarded(update), methods=["PUT"]),
    Route("/api/tasks/{id}", guarded(delete), methods=["DELETE"]),
    Route("/api/tasks/{id}/execute", guarded(execute), methods=["POST"]),
    Route("/api/tasks/{id}/executions", guarded(history), methods=["GET"]),
]
