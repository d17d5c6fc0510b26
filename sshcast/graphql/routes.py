"""The routes of /graphql."""

import strawberry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from resolvers.context import Service
from schema.engine import Engine
from sshcast.graphql import http, sockets
from sshcast.graphql.seats import Seats
from sshcast.page import Playground

PATH = "/graphql"


def graphql_routes(
    service: Service,
    *,
    schema: strawberry.Schema,
    seats: Seats,
    introspection: bool = True,
    playground: Playground | None = None,
) -> list[BaseRoute]:
    """`Route` and `WebSocketRoute` rather than `Mount`, which would redirect the path without a slash."""
    engine = Engine(schema, introspection=introspection)

    async def over_http(request: Request) -> Response:
        if playground is not None and http.wants_page(request):
            return await playground.page(request)
        return await http.answer(request, service, engine)

    async def over_socket(socket: WebSocket) -> None:
        await sockets.serve(socket, service, engine, seats)

    return [Route(PATH, over_http, methods=["GET", "POST"]), WebSocketRoute(PATH, over_socket)]
