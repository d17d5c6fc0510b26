"""All REST routes, and the answers for unknown addresses and methods."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ExceptionHandler

from resolvers.errors import NotFound, ServiceError
from sshcast.http.answers import build_error_answer, mask_error
from sshcast.rest import auth, executions, log, servers, tasks
from sshcast.rest.openapi_route import build_document_operation
from sshcast.rest.operation import Operation
from sshcast.rest.stream import HEARTBEAT_SECONDS


class MethodNotAllowed(ServiceError):
    """This address does not take that method."""

    code = "METHOD_NOT_ALLOWED"
    zh = "此地址不支持该方法。"


async def _answer_no_route(request: Request, error: Exception) -> Response:
    """Answer Starlette's own 404 and 405 in the shape of every other answer."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        answer = build_error_answer(request, MethodNotAllowed())
        answer.headers["Allow"] = ", ".join(_list_methods(request))
        return answer
    return build_error_answer(request, NotFound("There is nothing at this address.", "此地址不存在。"))


def _list_methods(request: Request) -> list[str]:
    """Return the methods of every route at this address; Starlette names those of the first alone."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return sorted(
        {name for route in routes if route.matches(request.scope)[0] is Match.PARTIAL for name in route.methods or ()}
    )


async def _answer_internal_error(request: Request, error: Exception) -> Response:
    """Answer errors that nothing else has caught: masked, with an id that is also in the log."""
    return build_error_answer(request, mask_error(error, request.url.path))


def _list_operations(heartbeat_seconds: float = HEARTBEAT_SECONDS) -> list[Operation]:
    """Return every operation, with that of the document that describes them all."""
    log_operation = log.build_log_operation(heartbeat_seconds)
    found = [*tasks.OPERATIONS, *executions.OPERATIONS, log_operation, *servers.OPERATIONS, *auth.OPERATIONS]
    return [*found, build_document_operation(found)]


def build_rest_routes(heartbeat_seconds: float = HEARTBEAT_SECONDS) -> list[Route]:
    return [operation.build_route() for operation in _list_operations(heartbeat_seconds)]


ROUTES = build_rest_routes()
HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    404: _answer_no_route,
    405: _answer_no_route,
    Exception: _answer_internal_error,
}
