"""`sshcast serve`: serves the API and runs executions."""

import asyncio
import gc
import socket
from contextlib import AsyncExitStack

from runner.log import get_logger
from sshcast import logs, signals
from sshcast.app import open_service
from sshcast.descriptors import raise_descriptor_limit
from sshcast.errors import CommandFailed
from sshcast.event_loop import LOOP_FACTORY, find_loop_name
from sshcast.http import parsers
from sshcast.http.bounds import Bounds
from sshcast.http.listener import start_http_server
from sshcast.http.tls import CertificateFiles, CertificateRefused, LiveCertificate
from sshcast.http_app import build_app
from sshcast.metrics import Metrics
from sshcast.metrics_loop import measure_loop
from sshcast.oidc_wiring import build_provider
from sshcast.readiness_notice import notify
from sshcast.runner_wiring import start_runner
from sshcast.settings import Settings

__all__ = ["LOOPBACK", "LOOP_FACTORY", "freeze_heap", "serve"]

COLLECT_AFTER_OBJECTS = 10_000
FREEZE_AFTER_SECONDS = 1.0  # the first answer does not wait for it
LOOPBACK = ("127.0.0.1", "localhost", "::1")

log = get_logger()


async def serve(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM. SQLite is migrated first; PostgreSQL only by `sshcast migrate`."""
    _check_bind_address(settings)
    logs.configure(level=settings.log_level, form=settings.log_format)
    raise_descriptor_limit()
    certificate = _load_certificate(settings)
    with _bind_socket(settings) as listener:
        async with AsyncExitStack() as stack:
            service = await stack.enter_async_context(open_service(settings, build_provider(settings)))
            metrics = Metrics(service)
            app = build_app(service, settings, metrics)  # may refuse the settings: before the runner claims anything
            await stack.enter_async_context(start_runner(service, settings, metrics))
            await stack.enter_async_context(measure_loop(metrics))
            if certificate is not None:
                await stack.enter_async_context(certificate.reloading())
            serving = start_http_server(app, listener, bounds=_build_bounds(settings), certificate=certificate)
            server = await stack.enter_async_context(serving)
            asyncio.get_running_loop().call_later(FREEZE_AFTER_SECONDS, freeze_heap)
            with signals.stop_on_signals(server):
                log.info(
                    "serving",
                    url=f"{_find_scheme(settings)}://{_format_host(settings.host)}:{listener.getsockname()[1]}/graphql",
                    loop=find_loop_name(),
                    parser=parsers.FASTEST,
                )
                notify("READY=1")
                await server.stopped.wait()
            log.info("stopping")
            notify("STOPPING=1")
    return 0


def freeze_heap() -> None:
    """Exempt what is loaded by now from garbage collection, which then takes few milliseconds instead of a hundred.

    It is also done more rarely: at Python's 700 new objects, half of its time goes into starting it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 10, 10)


def _check_bind_address(settings: Settings) -> None:
    if settings.host not in LOOPBACK and not settings.behind_proxy and settings.tls_cert is None:
        raise CommandFailed(
            f"{settings.host} can be reached from other machines and this server speaks plain HTTP: put a TLS proxy "
            "in front and set SSHCAST_BEHIND_PROXY=true, give it a certificate by --tls-cert and --tls-key, or bind to "
            "127.0.0.1"
        )


def _load_certificate(settings: Settings) -> LiveCertificate | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        return LiveCertificate(CertificateFiles(settings.tls_cert, settings.tls_key))
    except CertificateRefused as error:
        raise CommandFailed(str(error)) from None


def _bind_socket(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise CommandFailed(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): choose another --port"
        ) from error
    return listener


def _build_bounds(settings: Settings) -> Bounds:
    return Bounds(proxies=tuple(settings.trusted_proxies))


def _find_scheme(settings: Settings) -> str:
    return "http" if settings.tls_cert is None else "https"


def _format_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
