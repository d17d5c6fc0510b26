"""The wiring of the faces: builds the HTTP application around a service."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from resolvers.context import Service
from schema.build import build_schema
from schema.manifest import read_manifest
from schema.operation_files import OperationRefused, check_operations
from schema.persisted import PersistedDocuments
from sshcast.console_routes import build_console_routes
from sshcast.graphql import build_graphql_routes
from sshcast.graphql.socket_limiter import SocketLimiter
from sshcast.http import health
from sshcast.http.hosts import HostGuard
from sshcast.http.landing import landing_routes
from sshcast.oidc_wiring import build_oidc_routes
from sshcast.page import Playground
from sshcast.rest import route_table
from sshcast.settings import Settings, SettingsInvalid


def build_app(service: Service, settings: Settings) -> Starlette:
    playground = Playground() if settings.playground else None
    guard = Middleware(
        HostGuard, hosts=settings.allowed_hosts, origins=settings.allowed_origins, site=settings.public_url
    )
    limiter = SocketLimiter(settings.sockets_per_user)
    app = Starlette(
        routes=[
            *build_graphql_routes(
                service,
                schema=build_schema(),
                limiter=limiter,
                introspection=settings.introspection,
                playground=playground,
                persisted=_load_persisted_documents(settings),
            ),
            *(playground.build_routes() if playground else ()),
            *(build_console_routes() if playground else ()),
            *landing_routes(playground=playground is not None),
            *route_table.ROUTES,
            *build_oidc_routes(settings).build_routes(),
            *health.build_routes(service),
        ],
        middleware=[guard],
        exception_handlers=route_table.HANDLERS,
    )
    app.router.redirect_slashes = False  # a redirect would leave the usual answers, and name our host
    app.state.service = service
    app.state.public_url = settings.public_url
    return app


def _load_persisted_documents(settings: Settings) -> PersistedDocuments:
    """Read the list of operations; raise SettingsInvalid if one of them cannot run here."""
    try:
        known = () if settings.operations is None else read_manifest(settings.operations)
        check_operations(known, build_schema()._schema)
    except (ValueError, OperationRefused) as error:
        raise SettingsInvalid(f"SSHCAST_OPERATIONS: {error}") from None
    return PersistedDocuments(known, only=settings.operations_only, most=settings.persisted_queries)
