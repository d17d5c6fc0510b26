"""GraphQL over HTTP: one JSON answer, or a stream of them."""

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from resolvers.context import Context, Service
from schema.engine import Answer, Engine, build_refused_answer
from schema.operation import Operation
from sshcast.graphql import requests as graphql_requests
from sshcast.graphql import streams
from sshcast.http.answers import HEADERS

MODERN = "application/graphql-response+json"
# Whatever the caller accepts. The rest is 400, or 200 for those who only know application/json.
STATUS = {
    "INVALID": 400,
    "UNAUTHENTICATED": 401,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    # As Apollo's servers do: some clients look for the code only in an answer with 200.
    "PERSISTED_QUERY_NOT_FOUND": 200,
    "TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "OUTCOME_UNKNOWN": 503,
}


def wants_page(request: Request) -> bool:
    """Tell whether a browser opened the address, rather than a client with a query."""
    return (
        request.method == "GET"
        and not request.query_params.keys() & {"query", "extensions"}
        and "text/html" in _list_accepted_types(request)
    )


async def answer_request(request: Request, service: Service, engine: Engine) -> Response:
    """Answer one request; errors before its execution become an answer too."""
    ctx = graphql_requests.build_anonymous_context(request, service)
    transport = streams.choose_transport(request.headers.get("accept", ""))
    if transport is streams.EVENTS and streams.has_seen_the_end(request.headers):
        return streams.answer_nothing_more()
    try:
        asked = await graphql_requests.read_request(request, streaming=transport is not None)
        ctx, asked = await graphql_requests.authenticate_request(request, ctx, asked)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    except Exception as error:
        return _build_graphql_answer(request, build_refusal(error, ctx))
    found = await engine.run(asked, Operation(ctx))
    if isinstance(found, Answer):
        return (
            _build_graphql_answer(request, found)
            if transport is None or found.refused
            else streams.build_single_answer(found, transport)
        )
    return streams.build_live_answer(found, transport or streams.EVENTS)


def build_refusal(error: Exception, ctx: Context) -> Answer:
    return build_refused_answer([GraphQLError(str(error), original_error=error)], Operation(ctx))


def _build_graphql_answer(request: Request, found: Answer) -> Response:
    modern = MODERN in _list_accepted_types(request)
    status = 200
    if found.refused:
        status = STATUS.get(found.code or "", 400 if modern else 200)
    headers = HEADERS | _build_extra_headers(status, found)
    return Response(orjson.dumps(found.body()), status, headers, MODERN if modern else graphql_requests.JSON)


def _build_extra_headers(status: int, found: Answer) -> dict[str, str]:
    if status == 429:
        return {"Retry-After": str((found.errors[0].extensions or {}).get("retryAfterSeconds", 1))}
    known = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "POST"}, 413: {"Connection": "close"}}
    return known.get(status, {})


def _list_accepted_types(request: Request) -> list[str]:
    """Return the media types in Accept, without parameters."""
    return [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
