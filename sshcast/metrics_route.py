"""`GET /metrics`: the metrics as text, for a Prometheus on this machine, or with an admin's token."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.values import Role
from resolvers import audit
from sshcast.http import bearer
from sshcast.http.answers import HEADERS, catch_errors
from sshcast.metrics import Metrics
from sshcast.settings import Settings

ACTION = "metrics.read"
"""What the audit calls a refusal here. It is stored: it must not change."""
Encode = Callable[[CollectorRegistry], bytes]
ENCODE_TEXT: Encode = generate_latest
ENCODE_OPENMETRICS: Encode = openmetrics.generate_latest
OPENMETRICS = "application/openmetrics-text"
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class MetricsRoute:
    """`fronted`: the settings say that a proxy is in front, through which strangers come from this machine too."""

    metrics: Metrics
    fronted: bool

    async def __call__(self, request: Request) -> Response:
        if self.fronted or not _is_local(request):
            ctx = await bearer.require_viewer(request)
            async with audit.record_refusals(ctx, ACTION):
                ctx.require_role(Role.ADMIN)
        await self.metrics.queue.refresh()
        return self._encode(request.headers.get("accept", ""))

    def _encode(self, accepted: str) -> Response:
        """Answer in OpenMetrics to who names it. The library's own choice fails on a version that is not a number."""
        if OPENMETRICS in accepted.lower():
            form = ENCODE_OPENMETRICS, openmetrics.CONTENT_TYPE_LATEST
        else:
            form = ENCODE_TEXT, CONTENT_TYPE_PLAIN_0_0_4
        encode, media_type = form
        return Response(encode(self.metrics.registry), headers=HEADERS, media_type=media_type)


def build_metrics_routes(metrics: Metrics, settings: Settings) -> Sequence[Route]:
    fronted = settings.behind_proxy or bool(settings.trusted_proxies) or settings.public_url is not None
    return [Route("/metrics", catch_errors(MetricsRoute(metrics, fronted)), methods=["GET"])]


def _is_local(request: Request) -> bool:
    """Return whether the caller is on this machine and asks directly, as far as can be seen."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
