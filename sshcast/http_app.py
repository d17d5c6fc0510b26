"""The wiring of the faces: builds the HTTP application around a service."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from resolvers.context import Service
from schema.build import build_schema
from schema.manifest import read_manifest
from schema.operation_files import OperationRefused, check_operations
from schema.persisted import PersistedDocuments
from sshcast.assets import Assets
from sshcast.console_routes import build_console_routes
from sshcast.graphql import build_graphql_routes
from sshcast.graphql.socket_limiter import SocketLimiter
from sshcast.http import health
from sshcast.http.hosts import HostGuard
from sshcast.http.landing import landing_routes
from sshcast.http.site_path import SitePath
from sshcast.http.strict_transport import StrictTransport
from sshcast.metrics import Metrics
from sshcast.metrics_requests import RequestMeter
from sshcast.metrics_route import build_metrics_routes
from sshcast.oidc_wiring import build_oidc_routes
from sshcast.page import Playground
from sshcast.rest import route_table
from sshcast.settings import Settings, SettingsInvalid


def build_app(service: Service, settings: Settings, metrics: Metrics | None = None) -> Starlette:
    metrics = metrics or Metrics(service)
    playground = Playground() if settings.playground else None
    assets = Assets() if settings.playground else None
    guard = Middleware(
        HostGuard, hosts=settings.allowed_hosts, origins=settings.allowed_origins, site=settings.public_url
    )
    limiter = SocketLimiter(settings.sockets_per_user)
    routes = [
        *build_graphql_routes(
            service,
            schema=build_schema(),
            limiter=limiter,
            introspection=settings.introspection,
            playground=playground,
            persisted=_load_persisted_documents(settings),
        ),
        *(playground.build_routes() if playground else ()),
        *(build_console_routes(assets) if assets else ()),
        *landing_routes(assets),
        *route_table.ROUTES,
        *build_oidc_routes(settings).build_routes(),
        *health.build_routes(service),
        *build_metrics_routes(metrics, settings),
    ]
    meter, strict = Middleware(RequestMeter, metrics=metrics), _build_strict_transport(settings)
    app = Starlette(
        routes=routes,
        middleware=[*_build_site_path(settings, routes), meter, *strict, guard],
        exception_handlers=route_table.HANDLERS,
    )
    app.router.redirect_slashes = False  # a redirect would leave the usual answers, and name our host
    app.state.service = service
    app.state.public_url = settings.public_url
    return app


def _build_site_path(settings: Settings, routes: Sequence[BaseRoute]) -> Iterator[Middleware]:
    """Yield what serves the app under the path of its public URL, if that has one."""
    path = urlsplit(settings.public_url or "").path
    heads = {route.path.split("/")[1] for route in routes if isinstance(route, Route)} - {""}
    if not path:
        return
    if path.split("/")[1] in heads:
        raise SettingsInvalid(
            f"SSHCAST_PUBLIC_URL: its path begins like an address of the service's own, /{path.split('/')[1]}: choose "
            "another, such as /sshcast"
        )
    yield Middleware(SitePath, path=path, heads=heads)


def _build_strict_transport(settings: Settings) -> Iterator[Middleware]:
    """Yield what has browsers use HTTPS alone, unless that is switched off: the header may then be a proxy's."""
    if settings.hsts_seconds:
        is_always_https = (settings.public_url or "").startswith("https:")
        yield Middleware(StrictTransport, seconds=settings.hsts_seconds, is_always_https=is_always_https)


def _load_persisted_documents(settings: Settings) -> PersistedDocuments:
    """Read the list of operations; raise SettingsInvalid if one of them cannot run here."""
    try:
        known = () if settings.operations is None else read_manifest(settings.operations)
        check_operations(known, build_schema()._schema)
    except (ValueError, OperationRefused) as error:
        raise SettingsInvalid(f"SSHCAST_OPERATIONS: {error}") from None
    return PersistedDocuments(known, only=settings.operations_only, most=settings.persisted_queries)
