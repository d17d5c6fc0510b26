"""Builds the parts that speak SSH: the pool of connections, the scans of host keys, and the checks of servers."""

from functools import partial

from resolvers.context import Service
from runner.checks.server_checks import SHELL_SECONDS, CheckParts, ServerChecks
from runner.execution.endpoint import open_jump
from runner.ssh.client import connect
from runner.ssh.pool import Pool
from runner.ssh.scan import OnWait
from runner.ssh.scan_requests import HostKeyScans
from runner.ssh.sign_in.login_gate import LoginGate
from sshcast.app import build_network_policy
from sshcast.settings import Settings


def build_pool(settings: Settings) -> Pool:
    connecting = partial(LoginGate().connect, partial(connect, network_policy=build_network_policy(settings)))
    return Pool(connecting, connect_through=connecting, start_seconds=settings.start_seconds)


def build_scans(service: Service, settings: Settings, pool: Pool, on_wait: OnWait | None = None) -> HostKeyScans:
    return HostKeyScans(
        bus=service.bus,
        network_policy=build_network_policy(settings),
        open_jump=partial(open_jump, service.store, service.vault, pool),
        on_wait=on_wait,
    )


def build_checks(service: Service, settings: Settings, pool: Pool) -> ServerChecks:
    connecting = partial(connect, network_policy=build_network_policy(settings))
    parts = CheckParts(
        store=service.store,
        vault=service.vault,
        pool=pool,
        connect=connecting,
        shell_seconds=min(settings.start_seconds, SHELL_SECONDS),
    )
    return ServerChecks(bus=service.bus, parts=parts)
