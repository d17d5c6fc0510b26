"""All REST routes, and the answers for addresses and methods that are not there."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers.errors import NotFound, ServiceError
from sshcast.rest import auth, log, tasks
from sshcast.rest.answers import refused

ROUTES: list[Route] = [*tasks.ROUTES, *log.ROUTES, *auth.ROUTES]


class MethodNotAllowed(ServiceError):
    """This address does not take that method."""

    code = "METHOD_NOT_ALLOWED"
    zh = "此地址不支持该方法。"


async def not_served(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405, in the documented shape."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        answer = refused(request, MethodNotAllowed())
        answer.headers.update(error.headers or {})
        return answer
    return refused(request, NotFound("There is nothing at this address.", "此地址不存在。"))
