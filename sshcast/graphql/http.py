"""GraphQL over HTTP: one JSON answer, or a stream of them."""

import orjson
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response

from resolvers.context import Context, Service
from schema.engine import Answer, Engine, refused
from schema.operation import Operation
from sshcast.graphql import asking, streams
from sshcast.rest.answers import HEADERS

MODERN = "application/graphql-response+json"
# Whatever the caller accepts. The rest is 400, or 200 for those who only know application/json.
STATUS = {
    "INVALID": 400,
    "UNAUTHENTICATED": 401,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "OUTCOME_UNKNOWN": 503,
}


def wants_page(request: Request) -> bool:
    """A browser that was given the address, rather than a client with a query."""
    return request.method == "GET" and "query" not in request.query_params and "text/html" in accepted(request)


async def answer(request: Request, service: Service, engine: Engine) -> Response:
    """One request to its end; what goes wrong before it is executed is an answer too."""
    ctx = asking.stranger(request, service)
    transport = streams.accepted(request.headers.get("accept", ""))
    if transport is streams.EVENTS and streams.has_seen_the_end(request.headers):
        return streams.answer_nothing_more()
    try:
        asked = await asking.asked(request, streaming=transport is not None)
        ctx, asked = await asking.signed_in(request, ctx, asked)
    except Exception as error:
        return json_answer(request, refusal(error, ctx))
    found = await engine.run(asked, Operation(ctx))
    if isinstance(found, Answer):
        return json_answer(request, found) if transport is None or found.refused else streams.once(found, transport)
    return streams.live(found, transport or streams.EVENTS)


def refusal(error: Exception, ctx: Context) -> Answer:
    return refused([GraphQLError(str(error), original_error=error)], Operation(ctx))


def json_answer(request: Request, found: Answer) -> Response:
    modern = MODERN in accepted(request)
    status = 200
    if found.refused:
        status = STATUS.get(found.code or "", 400 if modern else 200)
    headers = HEADERS | extra_headers(status, found)
    return Response(orjson.dumps(found.body()), status, headers, MODERN if modern else asking.JSON)


def extra_headers(status: int, found: Answer) -> dict[str, str]:
    if status == 429:
        return {"Retry-After": str((found.errors[0].extensions or {}).get("retryAfterSeconds", 1))}
    known = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "POST"}, 413: {"Connection": "close"}}
    return known.get(status, {})


def accepted(request: Request) -> list[str]:
    """The media types of Accept, without their parameters."""
    return [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
