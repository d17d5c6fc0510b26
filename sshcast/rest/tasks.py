"""The task routes of REST."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from db.executions import ExecutionFilter
from db.models import Task
from db.schedule_mode import ScheduleMode
from db.tasks import TaskFilter
from db.values import Role
from resolvers import executions, fleet_starts, outcome, tasks
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid
from resolvers.fleet_inputs import FleetRequest, StartFleetRun
from resolvers.inputs import NewTask, ParameterValue, RunTask, TaskChange
from resolvers.paging import PageRequest
from resolvers.validation import check_text
from sshcast.http import bearer, body
from sshcast.http.answers import build_success_answer
from sshcast.rest import bodies, objects, shapes
from sshcast.rest.operation import Operation, answer_json, list_body_fields
from sshcast.rest.pages import PAGE, build_page_answer, build_page_request, define_name_filter
from sshcast.rest.parameters import IDEMPOTENCY_KEY, Parameter, define_integer, define_time, read_parameters

PARAMETERS = (
    *PAGE,
    define_integer("server_id", "Only tasks for this server."),
    define_integer("status", "Only tasks that are disabled or in shadow (0), or enabled (1).", 0, 1),
    define_time("start_time", "Only tasks that last ran at this time or later."),
    define_time("end_time", "Only tasks that last ran at this time or earlier.", until=True),
    define_name_filter("Only tasks whose name holds this text, in upper or lower case."),
    define_integer("created_by", "Only tasks that this user created."),
    Parameter(
        "fleet",
        "Fleet tasks, too: they run on many servers.",
        {"type": "boolean", "default": False},
        lambda found: _read_flag(found, "fleet"),
    ),
)
FIELDS = list_body_fields(bodies.NewTask)
CHANGES = list_body_fields(bodies.TaskChange)
RUN = list_body_fields(bodies.RunTask)


async def _create(request: Request) -> Response:
    ctx = await bearer.require_viewer(request, Role.OPERATOR)
    # Without a key of the client's, one of ours: it tells a task that was stored from one that was not.
    key = bearer.read_idempotency_key(request) or outcome.generate_key()
    found = await body.read(request, FIELDS)
    created = await tasks.create(ctx, NewTask(**check_fields(found), idempotency_key=key))
    execution_id = created.execution.id if created.execution else None
    data: objects.CreatedTask = {**shapes.build_task(created.task), "execution_id": execution_id}
    return build_success_answer(
        request, "Task created.", "任务创建成功", data, id=created.task.id, execution_id=execution_id
    )


async def _list_tasks(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    found = read_parameters(request, PARAMETERS)
    filter = TaskFilter(
        server_id=found["server_id"],
        starts=None if found["status"] is None else bool(found["status"]),
        name_contains=found["name"],
        last_run_from=found["start_time"],
        last_run_to=found["end_time"],
        created_by=found["created_by"],
        fleet=None if found["fleet"] else False,
    )
    page = await tasks.page(ctx, filter, build_page_request(found))
    return await build_page_answer(page, [shapes.build_task(row) for row in page.rows])


async def _show(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    bearer.read_query(request)
    task = await tasks.get(ctx, bearer.read_path_id(request))
    return build_success_answer(request, "OK", "成功", shapes.build_task(task))


async def _update(request: Request) -> Response:
    ctx = await bearer.require_viewer(request, Role.OPERATOR)
    id = bearer.read_path_id(request)
    found = check_fields(await body.read(request, CHANGES, required=False))
    if found.get("server_id") == 0 or "enabled" in found:
        _leave_as_listed(await tasks.get(ctx, id), found)
    task = await tasks.update(ctx, id, TaskChange(**found))
    return build_success_answer(request, "Task updated.", "任务更新成功", shapes.build_task(task))


def _leave_as_listed(task: Task, found: dict[str, Any]) -> None:
    """Take out of a change what the list shows of a fleet task and of a task in shadow, which stay what they are."""
    if found.get("server_id") == 0 and task.selector is not None:
        del found["server_id"]
    if task.schedule_mode != ScheduleMode.SHADOW or "enabled" not in found:
        return
    if found.pop("enabled"):
        raise Conflict(
            f"Task {task.id} is in shadow, so that cron runs it. Take its line out of the crontab, then adopt it with "
            f"updateTask(input: {{id: {task.id}, scheduleMode: ACTIVE}}).",
            f"任务 {task.id} 处于影子模式，仍由 cron 执行。请先从 crontab 中删除对应行，再使用 "
            f"updateTask(input: {{id: {task.id}, scheduleMode: ACTIVE}}) 接管。",
            field=("status",),
        )


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
    data: objects.FleetStart | objects.FleetExecution = {"fleet_run_id": run.id}
    if execution is not None:
        data = {**shapes.build_execution(execution), "fleet_run_id": run.id}
    execution_id = None if execution is None else execution.id
    return build_success_answer(
        request, "Fleet run started.", "批量执行已开始", data, execution_id=execution_id, fleet_run_id=run.id
    )


def _read_flag(found: Mapping[str, str], name: str) -> bool:
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
    wanted = build_page_request(read_parameters(request, PAGE))
    task = await tasks.get(ctx, id)
    page = await executions.page(ctx, ExecutionFilter(task_id=task.id), wanted)
    return await build_page_answer(page, [shapes.build_execution(row) for row in page.rows])


def check_fields(found: dict[str, Any]) -> dict[str, Any]:
    """Check what only REST limits: a cron expression of 1 to 50 characters, `status` for enabled."""
    if "cron_expr" in found:
        check_text("cron_expr", found["cron_expr"], longest=bodies.MAX_CRON)
    if "status" in found:
        if found["status"] not in (0, 1):
            raise Invalid("status", "must be 0 (disabled) or 1 (enabled).", "必须是 0（禁用）或 1（启用）。")
        found["enabled"] = bool(found.pop("status"))
    return found


CHANGING = ("CONFLICT", "OUTCOME_UNKNOWN")
REFUSING = (*CHANGING, "SCHEDULE_INVALID", "COMMAND_REFUSED")
TAG = "tasks"

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/tasks",
        id="listTasks",
        tag=TAG,
        handler=_list_tasks,
        summary="List the tasks that you may see",
        description="Filters combine with AND; an empty one counts as absent. Fleet tasks are left out unless "
        "`fleet=true`.",
        parameters=PARAMETERS,
        answers=answer_json(objects.TaskPage, "A page of tasks, newest first."),
    ),
    Operation(
        method="POST",
        path="/api/tasks",
        id="createTask",
        tag=TAG,
        handler=_create,
        summary="Create a task",
        description="`@once` starts one execution at once; a cron expression registers the schedule and starts none.",
        role=Role.OPERATOR,
        parameters=(IDEMPOTENCY_KEY,),
        body=bodies.NewTask,
        answers=answer_json(objects.TaskCreatedAnswer, "The new task."),
        errors=(*REFUSING, "NOT_FOUND"),
    ),
    Operation(
        method="GET",
        path="/api/tasks/{id}",
        id="getTask",
        tag=TAG,
        handler=_show,
        summary="Show a task",
        answers=answer_json(objects.TaskAnswer, "The task."),
    ),
    Operation(
        method="PUT",
        path="/api/tasks/{id}",
        id="updateTask",
        tag=TAG,
        handler=_update,
        summary="Change a task",
        description="Fields that are left out stay as they are.",
        role=Role.OPERATOR,
        body=bodies.TaskChange,
        answers=answer_json(objects.TaskAnswer, "The task as it is now."),
        errors=REFUSING,
    ),
    Operation(
        method="DELETE",
        path="/api/tasks/{id}",
        id="deleteTask",
        tag=TAG,
        handler=_delete,
        summary="Delete a task",
        description="Its history stays.",
        role=Role.OPERATOR,
        answers=answer_json(objects.TaskDeletedAnswer, "The number of the deleted task."),
        errors=CHANGING,
    ),
    Operation(
        method="POST",
        path="/api/tasks/{id}/execute",
        id="executeTask",
        tag=TAG,
        handler=_execute,
        summary="Run a task now",
        description="The answer comes at once, with the `execution_id` whose log can be followed.",
        role=Role.OPERATOR,
        parameters=(IDEMPOTENCY_KEY,),
        body=bodies.RunTask,
        body_required=False,
        answers=answer_json(
            objects.ExecutionChangedAnswer | objects.FleetStartedAnswer,
            "The new execution; of a fleet task, the fleet run and its first execution.",
        ),
        errors=(*CHANGING, "COMMAND_REFUSED", "SERVERS_REFUSED"),
    ),
    Operation(
        method="GET",
        path="/api/tasks/{id}/executions",
        id="listTaskExecutions",
        tag=TAG,
        handler=_list_executions,
        summary="List a task's executions",
        parameters=PAGE,
        answers=answer_json(objects.ExecutionPage, "A page of executions, newest first."),
    ),
)
