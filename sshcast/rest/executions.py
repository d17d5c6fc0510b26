"""The execution routes of REST, over the executions of every task and of none."""

from starlette.requests import Request
from starlette.responses import Response

from db.executions import ExecutionFilter
from db.values import Role, State
from resolvers import executions
from sshcast.http import bearer, body
from sshcast.http.answers import build_success_answer
from sshcast.rest import bodies, objects, shapes
from sshcast.rest.operation import Operation, answer_json
from sshcast.rest.pages import PAGE, build_page_answer, build_page_request
from sshcast.rest.parameters import define_choice, define_integer, define_time, read_parameters

PARAMETERS = (
    *PAGE,
    define_integer("task_id", "Only executions of this task."),
    define_integer("server_id", "Only executions on this server."),
    define_choice("state", "Only executions in this state.", tuple(State)),
    define_time("created_from", "Only executions that were asked for at this time or later."),
    define_time("created_to", "Only executions that were asked for at this time or earlier.", until=True),
)
TAG = "executions"


async def _list_executions(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    found = read_parameters(request, PARAMETERS)
    filter = ExecutionFilter(
        task_id=found["task_id"],
        server_id=found["server_id"],
        states=None if found["state"] is None else (found["state"],),
        created_from=found["created_from"],
        created_to=found["created_to"],
    )
    page = await executions.page(ctx, filter, build_page_request(found))
    return await build_page_answer(page, [shapes.build_execution(row) for row in page.rows])


async def _show(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    bearer.read_query(request)
    row = await executions.get(ctx, bearer.read_path_id(request))
    return build_success_answer(request, "OK", "成功", shapes.build_execution(row))


async def _cancel(request: Request) -> Response:
    ctx = await bearer.require_viewer(request, Role.OPERATOR)
    id = bearer.read_path_id(request)
    await body.check_empty(request)
    row = await executions.cancel(ctx, id)
    return build_success_answer(
        request, "Cancellation requested.", "已请求取消", shapes.build_execution(row), execution_id=row.id
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/executions",
        id="listExecutions",
        tag=TAG,
        handler=_list_executions,
        summary="List the executions that you may see",
        description="Those of every task, and of commands without a task. Filters combine with AND; an empty one "
        "counts as absent.",
        parameters=PARAMETERS,
        answers=answer_json(objects.ExecutionPage, "A page of executions, newest first."),
    ),
    Operation(
        method="GET",
        path="/api/executions/{id}",
        id="getExecution",
        tag=TAG,
        handler=_show,
        summary="Show an execution",
        answers=answer_json(objects.ExecutionAnswer, "The execution."),
    ),
    Operation(
        method="POST",
        path="/api/executions/{id}/cancel",
        id="cancelExecution",
        tag=TAG,
        handler=_cancel,
        summary="Cancel an execution",
        description="The answer comes at once. A pending execution is CANCELLED in it; a running one is stopped on its "
        "server, and is CANCELLED after that. One that has ended is a 409.",
        role=Role.OPERATOR,
        body=bodies.Empty,
        body_required=False,
        answers=answer_json(objects.ExecutionChangedAnswer, "The execution as it is now."),
        errors=("CONFLICT", "OUTCOME_UNKNOWN"),
    ),
)
