"""All REST routes, and the answers for addresses and methods that are not there."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from resolvers.errors import NotFound, ServiceError
from sshcast.rest import auth, log, tasks
from sshcast.rest.answers import known, refused
from sshcast.rest.stream import Pace


class MethodNotAllowed(ServiceError):
    """This address does not take that method."""

    code = "METHOD_NOT_ALLOWED"
    zh = "此地址不支持该方法。"


async def not_served(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405, in the shape of every other answer."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        answer = refused(request, MethodNotAllowed())
        answer.headers.update(error.headers or {})
        return answer
    return refused(request, NotFound("There is nothing at this address.", "此地址不存在。"))


async def broken(request: Request, error: Exception) -> Response:
    """For what nothing else has caught: masked, with an id that is also in the log."""
    return refused(request, known(error, request.url.path))


def routes(pace: Pace) -> list[Route]:
    return [*tasks.ROUTES, *log.routes(pace), *auth.ROUTES]


ROUTES = routes(Pace())
HANDLERS: dict[int | type[Exception], ExceptionHandler] = {404: not_served, 405: not_served, Exception: broken}
