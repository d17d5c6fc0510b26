"""Asking a server for its host keys, to be compared by a person and pinned."""

import asyncio
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import asyncssh

from runner.ssh.algorithms import HOST_KEY_TYPES, list_host_key_algorithms
from runner.ssh.dial import dial
from runner.ssh.failures import ConnectionObserver, report_failure
from runner.ssh.keys.keys import format_key
from runner.ssh.networks import DEFAULT_POLICY, NetworkPolicy
from runner.ssh.options import build_transport_options
from runner.ssh.protocol import ConnectFailed, Credential, Endpoint

# OpenSSH turns an address away for 15 s at least once it has a penalty (sshd_config, PerSourcePenalties).
BACK_OFF_SECONDS = (1.0, 5.0, 15.0)

OnWait = Callable[[str], None]
"""Takes a sentence that says that the server turned us away, and for how long we wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """How to ask. `every`: a key of each type, by a connection each; else the best type alone, by one.

    `seconds` are for one connection, `waits` between one that the server turned away and the next.
    """

    every: bool = False
    legacy: Collection[str] = ()
    seconds: float = 10.0
    waits: Sequence[float] = BACK_OFF_SECONDS
    within: NetworkPolicy = DEFAULT_POLICY
    on_wait: OnWait | None = None


BEST = ScanOptions()


class _TurnedAway(Exception):
    """The server closed the connection before it told its version."""

    def __init__(self, failure: ConnectFailed) -> None:
        super().__init__(failure.detail)
        self.failure = failure


async def scan_host_keys(host: str, port: int, scan: ScanOptions = BEST) -> list[str]:
    """The host keys that the server offers now, as "TYPE BASE64". Nothing vouches for them. Raises ConnectFailed."""
    watch, key = await _fetch_with_retries(host, port, HOST_KEY_TYPES, scan)
    lines = [format_key(key)]
    if scan.every:
        for kind in _list_further_types(watch, key, scan):
            lines.append(format_key((await _fetch_with_retries(host, port, (kind,), scan))[1]))
    return lines


def _list_further_types(watch: ConnectionObserver, key: asyncssh.SSHKey, scan: ScanOptions) -> list[str]:
    """What else it offers, by what it said on the first connection."""
    rest = [kind for kind in HOST_KEY_TYPES if kind != key.algorithm.decode()]
    return [
        kind
        for kind in rest
        if not set(list_host_key_algorithms((kind,), scan.legacy)).isdisjoint(watch.host_key_algorithms)
    ]


async def _fetch_with_retries(
    host: str, port: int, kinds: Sequence[str], scan: ScanOptions
) -> tuple[ConnectionObserver, asyncssh.SSHKey]:
    for seconds in scan.waits:
        try:
            return await _fetch(host, port, kinds, scan)
        except _TurnedAway:
            if scan.on_wait is not None:
                scan.on_wait(f"{host} port {port} ended the connection at once. Asking again in {seconds:g} s.")
            await asyncio.sleep(seconds)
    try:
        return await _fetch(host, port, kinds, scan)
    except _TurnedAway as error:
        raise _add_tries(error.failure, len(scan.waits) + 1) from None


def _add_tries(failure: ConnectFailed, times: int) -> ConnectFailed:
    return failure.renew(
        f"{failure.detail} Tried {times} times. A server that punishes this address (OpenSSH's PerSourcePenalties, "
        "MaxStartups, fail2ban) lets it in again after some minutes; its log says so."
    )


async def _fetch(
    host: str, port: int, kinds: Sequence[str], scan: ScanOptions
) -> tuple[ConnectionObserver, asyncssh.SSHKey]:
    """The key of the first of these types that the server has. Raises ConnectFailed, and _TurnedAway."""
    sock = await dial(host, port, seconds=scan.seconds, within=scan.within)
    watch, is_early = ConnectionObserver(host), False
    nobody = Endpoint(0, host, port, "", (), Credential("password", ""))
    try:
        with report_failure(nobody, watch, sock, scan.seconds):
            try:
                async with asyncio.timeout(scan.seconds):
                    return watch, await _exchange(
                        nobody, watch, sock, list_host_key_algorithms(kinds, scan.legacy), scan
                    )
            except (asyncssh.ConnectionLost, OSError) as error:
                is_early = not watch.has_greeted and not isinstance(error, TimeoutError)
                raise
    except ConnectFailed as failure:
        if is_early and failure.passing:
            raise _TurnedAway(failure) from None
        raise


async def _exchange(
    at: Endpoint, watch: ConnectionObserver, sock: socket.socket, names: list[str], scan: ScanOptions
) -> asyncssh.SSHKey:
    """One exchange of keys, which proves that the server has the private one too."""
    options = build_transport_options(scan.legacy) | {"server_host_key_algs": names}
    key = await asyncssh.get_server_host_key(
        at.host,
        at.port,
        sock=sock,
        config=None,
        kex_algs=options["kex_algs"],
        server_host_key_algs=names,
        options=asyncssh.SSHClientConnectionOptions(client_factory=lambda: watch, **options),
    )
    assert key is not None  # only an exchange by GSS shows none, and we offer none
    return key
