"""The wiring of the faces: the HTTP application around a service."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from resolvers.context import Service
from schema.build import build_schema
from sshcast import health
from sshcast.graphql import graphql_routes
from sshcast.graphql.seats import Seats
from sshcast.hosts import HostGuard
from sshcast.landing import landing_routes
from sshcast.oidc.wiring import doorway
from sshcast.page import Playground
from sshcast.rest import face
from sshcast.settings import Settings


def build_app(service: Service, settings: Settings) -> Starlette:
    playground = Playground() if settings.playground else None
    guard = Middleware(
        HostGuard, hosts=settings.allowed_hosts, origins=settings.allowed_origins, site=settings.public_url
    )
    seats = Seats(settings.sockets_per_user)
    app = Starlette(
        routes=[
            *graphql_routes(
                service,
                schema=build_schema(),
                seats=seats,
                introspection=settings.introspection,
                playground=playground,
            ),
            *(playground.routes() if playground else ()),
            *landing_routes(playground=playground is not None),
            *face.ROUTES,
            *doorway(settings).routes(),
            *health.routes(service),
        ],
        middleware=[guard],
        exception_handlers=face.HANDLERS,
    )
    app.router.redirect_slashes = False  # a redirect would leave the usual answers, and name our host
    app.state.service = service
    return app
