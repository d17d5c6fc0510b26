"""`sshcast serve`."""

import gc
import socket

import structlog

from sshcast import logs, signals
from sshcast.app import opened
from sshcast.commands.errors import CommandFailed
from sshcast.driving import driven
from sshcast.faces import build_app
from sshcast.listener import Bounds, serving
from sshcast.oidc.wiring import provider
from sshcast.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")

log = structlog.get_logger()


async def serve(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM. SQLite is migrated first; PostgreSQL only by `sshcast migrate`."""
    refuse_open_address(settings)
    logs.configure()
    with listening(settings) as listener:
        async with (
            opened(settings, provider(settings)) as service,
            driven(service, settings),
            serving(build_app(service, settings), listener, bounds=bounds(settings)) as server,
        ):
            settle()
            log.info("serving", url=f"http://{shown(settings.host)}:{listener.getsockname()[1]}/graphql")
            await signals.until_asked_to_stop(server)
            log.info("stopping")
    return 0


def settle() -> None:
    """What is here by now stays: without it the garbage collector takes a few milliseconds where it took a hundred."""
    gc.collect()
    gc.freeze()


def refuse_open_address(settings: Settings) -> None:
    if settings.host not in LOOPBACK and not settings.behind_proxy:
        raise CommandFailed(
            f"{settings.host} can be reached from other machines and this server speaks plain HTTP: put a TLS proxy "
            "in front and set SSHCAST_BEHIND_PROXY=true, or bind to 127.0.0.1"
        )


def listening(settings: Settings) -> socket.socket:
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


def bounds(settings: Settings) -> Bounds:
    return Bounds(proxies=tuple(settings.trusted_proxies))


def shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
