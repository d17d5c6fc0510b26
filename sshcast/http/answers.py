"""REST answers: the envelope, and errors whose HTTP status equals the body's `code`."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NotRequired

import orjson
from pydantic import Field
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from db.unavailable import StoreOutcomeUnknown, StoreUnavailable
from resolvers.errors import Language, OutcomeUnknown, ServiceError, Unavailable
from runner.log import get_logger

log = get_logger()

STATUS = {
    "INVALID": 400,
    "SCHEDULE_INVALID": 400,
    "COMMAND_REFUSED": 400,
    "SERVERS_REFUSED": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "CONFLICT": 409,
    "CURSOR_EXPIRED": 410,
    "TOO_LARGE": 413,
    "RANGE_NOT_SATISFIABLE": 416,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "OUTCOME_UNKNOWN": 503,
}
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

Handler = Callable[[Request], Awaitable[Response]]


class ErrorBody(TypedDict):
    """Why a request was not carried out."""

    code: Annotated[int, Field(description="The HTTP status again.")]
    message: Annotated[str, Field(description="What is wrong and what to do, in the language of Accept-Language.")]
    error: Annotated[str, Field(description="A stable code for programs.")]
    field: NotRequired[Annotated[str, Field(description="The field, parameter or header that is wrong.")]]
    error_id: NotRequired[Annotated[str, Field(description="Of an INTERNAL error: the id in the service's log.")]]
    idempotency_key: NotRequired[
        Annotated[str, Field(description="Of OUTCOME_UNKNOWN: the key with which to repeat the request safely.")]
    ]


class Internal(ServiceError):
    """Internal error."""

    code = "INTERNAL"

    def __init__(self, error_id: str) -> None:
        super().__init__(
            f"Internal error; look up {error_id} in the service's log.", f"内部错误，日志编号 {error_id}。"
        )
        self.error_id = error_id


def build_json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, HEADERS | (headers or {}), "application/json")


def build_success_answer(request: Request, en: str, zh: str, data: Any, **beside: Any) -> Response:
    """Return a 200 with the envelope; `beside` holds fields beside `data`."""
    message = zh if read_language(request) == "zh" else en
    return build_json_answer({"code": 200, "message": message, "data": data, **beside})


def read_language(request: HTTPConnection) -> Language:
    return parse_language(request.headers.get("accept-language", ""))


def parse_language(accepted: str) -> Language:
    """Return zh if Accept-Language prefers Chinese to English, else en."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        tag, _, parameter = part.partition(";")
        name = tag.strip().split("-")[0]
        weights.setdefault(name, _parse_weight(parameter))
    return "zh" if weights.get("zh", 0) > weights.get("en", 0) else "en"


def _parse_weight(parameter: str) -> float:
    """Return the number in "q=0.8"; 1 if there is none, 0 if it cannot be read."""
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1
    try:
        return float(value)
    except ValueError:
        return 0


def build_error_answer(request: Request, error: ServiceError) -> Response:
    body = build_error_body(error, read_language(request))
    status = body["code"]
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 413:
        headers["Connection"] = "close"  # the rest of the body is not read
    if (retry_after := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(retry_after)
    return build_json_answer(body, status, headers)


def build_error_body(error: ServiceError, language: Language) -> ErrorBody:
    """Return the error's body. A field that is too long is a 400, a request that is too large as a whole a 413."""
    status = 400 if error.code == "TOO_LARGE" and error.field else STATUS.get(error.code, 400)
    body: ErrorBody = {"code": status, "message": error.text(language), "error": error.code}
    if error.field:
        body["field"] = ".".join(error.field)
    if isinstance(error, Internal):
        body["error_id"] = error.error_id
    if isinstance(error, OutcomeUnknown) and error.idempotency_key is not None:
        body["idempotency_key"] = error.idempotency_key
    return body


def mask_error(error: Exception, path: str) -> ServiceError:
    """Return what the caller may see of an error; an unexpected one is logged under an id that the answer shows."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, StoreUnavailable):
        log.error("the database is away", path=path, exc_info=error)
        return OutcomeUnknown() if isinstance(error, StoreOutcomeUnknown) else Unavailable()
    masked = Internal(secrets.token_hex(8))
    log.error("a REST request failed", error_id=masked.error_id, path=path, exc_info=error)
    return masked


def catch_errors(handler: Handler) -> Handler:
    """Wrap the handler so that every error becomes an answer."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception as error:
            return build_error_answer(request, mask_error(error, request.url.path))

    return answer
