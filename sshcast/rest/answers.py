"""The shapes of every REST answer: the envelope, and errors whose HTTP status equals the body's `code`."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.requests import Request
from starlette.responses import Response

from resolvers.errors import Language, ServiceError, Unavailable

log = structlog.get_logger()

STATUS = {
    "INVALID": 400,
    "SCHEDULE_INVALID": 400,
    "COMMAND_REFUSED": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "CONFLICT": 409,
    "TOO_LARGE": 413,
    "RATE_LIMITED": 429,
    "UNAVAILABLE": 503,
}
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Handler = Callable[[Request], Awaitable[Response]]


def json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, HEADERS | (headers or {}), "application/json")


def done(request: Request, en: str, zh: str, data: Any, **beside: Any) -> Response:
    """200 with the documented envelope; `beside` stands next to `data`."""
    message = zh if language_of(request) == "zh" else en
    return json_answer({"code": 200, "message": message, "data": data, **beside})


def language_of(request: Request) -> Language:
    """zh when the first language that the caller accepts is Chinese."""
    first = request.headers.get("accept-language", "").split(",")[0].strip().lower()
    return "zh" if first.startswith("zh") else "en"


def refused(request: Request, error: ServiceError) -> Response:
    status = STATUS.get(error.code, 400)
    body: dict[str, Any] = {"code": status, "message": error.text(language_of(request)), "error": error.code}
    if error.field:
        body["field"] = ".".join(error.field)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if (retry_after := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(retry_after)
    return json_answer(body, status, headers)


def failed(request: Request, error: Exception) -> Response:
    """An answer that hides the cause and names the line of our log that has it."""
    error_id = secrets.token_hex(8)
    log.error("a REST request failed", error_id=error_id, path=request.url.path, exc_info=error)
    zh = language_of(request) == "zh"
    message = f"内部错误，日志编号 {error_id}。" if zh else f"Internal error; look up {error_id} in the service's log."
    return json_answer({"code": 500, "message": message, "error": "INTERNAL", "error_id": error_id}, 500)


def guarded(handler: Handler) -> Handler:
    """The handler, with every error turned into its documented answer."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ServiceError as error:
            return refused(request, error)
        except (OperationalError, InterfaceError, ConnectionError) as error:
            log.error("the database is away", exc_info=error)
            return refused(request, Unavailable())
        except Exception as error:
            return failed(request, error)

    return answer
