"""The routes of /graphql."""

import strawberry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from resolvers.context import Service
from schema.engine import Engine
from schema.persisted import PersistedDocuments
from sshcast.graphql import http, sockets
from sshcast.graphql.socket_limiter import SocketLimiter
from sshcast.page import Playground

PATH = "/graphql"


def build_graphql_routes(
    service: Service,
    *,
    schema: strawberry.Schema,
    limiter: SocketLimiter,
    introspection: bool = True,
    playground: Playground | None = None,
    persisted: PersistedDocuments | None = None,
) -> list[BaseRoute]:
    """Return `Route` and `WebSocketRoute`, not `Mount`, which would redirect the path without a slash."""
    engine = Engine(schema, introspection=introspection, persisted=persisted)

    async def answer_http(request: Request) -> Response:
        if playground is not None and http.wants_page(request):
            return await playground.serve_page(request)
        return await http.answer_request(request, service, engine)

    async def answer_socket(socket: WebSocket) -> None:
        await sockets.serve_socket(socket, service, engine, limiter)

    return [Route(PATH, answer_http, methods=["GET", "POST"]), WebSocketRoute(PATH, answer_socket)]
