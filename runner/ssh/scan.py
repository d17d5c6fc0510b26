"""Scans a server for its host keys, for a person to compare and pin."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from runner.ssh.algorithms import HOST_KEY_TYPES, list_host_key_algorithms
from runner.ssh.client import ShownKey, fetch_host_key, open_way
from runner.ssh.failures import TurnedAway
from runner.ssh.networks import DEFAULT_POLICY, NetworkPolicy
from runner.ssh.protocol import ConnectFailed, Credential, Endpoint, ServerConnection

# OpenSSH turns an address with a penalty away for at least 15 s (sshd_config, PerSourcePenalties).
BACK_OFF_SECONDS = (1.0, 5.0, 15.0)

OnWait = Callable[[str], None]
"""Takes a sentence that says that the server turned us away, and how long is waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """How to scan. `every` asks for a key of each type, on a connection each; else one connection asks for the best.

    `seconds` limit one connection; `waits` are the pauses after connections that the server turned away. `through` is a
    connection to the jump server of the server to scan, if it has one.
    """

    every: bool = False
    legacy: Collection[str] = ()
    seconds: float = 10.0
    waits: Sequence[float] = BACK_OFF_SECONDS
    network_policy: NetworkPolicy = DEFAULT_POLICY
    on_wait: OnWait | None = None
    through: ServerConnection | None = None


BEST = ScanOptions()


async def scan_host_keys(host: str, port: int, scan: ScanOptions = BEST) -> list[str]:
    """Return the host keys that the server offers now, as "TYPE BASE64", unverified. Raises ConnectFailed."""
    first = await _fetch_with_retries(host, port, HOST_KEY_TYPES, scan)
    shown = [first]
    if scan.every:
        for kind in _list_further_types(first, scan):
            shown.append(await _fetch_with_retries(host, port, (kind,), scan))
    return [str(each.key) for each in shown]


def _list_further_types(first: ShownKey, scan: ScanOptions) -> list[str]:
    """Return the other types that the server offered on the first connection."""
    rest = [kind for kind in HOST_KEY_TYPES if kind != first.key.kind]
    return [
        kind for kind in rest if not set(list_host_key_algorithms((kind,), scan.legacy)).isdisjoint(first.algorithms)
    ]


async def _fetch_with_retries(host: str, port: int, kinds: Sequence[str], scan: ScanOptions) -> ShownKey:
    for seconds in scan.waits:
        try:
            return await _fetch(host, port, kinds, scan)
        except TurnedAway:
            if scan.on_wait is not None:
                scan.on_wait(f"{host} port {port} ended the connection at once. Asking again in {seconds:g} s.")
            await asyncio.sleep(seconds)
    try:
        return await _fetch(host, port, kinds, scan)
    except TurnedAway as failure:
        raise _add_tries(failure, len(scan.waits) + 1) from None


def _add_tries(failure: ConnectFailed, times: int) -> ConnectFailed:
    return failure.renew(
        f"{failure.detail} Tried {times} times. A server that punishes this address (OpenSSH's PerSourcePenalties, "
        "MaxStartups, fail2ban) lets it in again after some minutes; its log says so."
    )


async def _fetch(host: str, port: int, kinds: Sequence[str], scan: ScanOptions) -> ShownKey:
    """Return the key of the first of these types that the server has.

    Raises ConnectFailed, or its subclass TurnedAway.
    """
    nobody = Endpoint(0, host, port, "", (), Credential("password", ""), legacy_algorithms=tuple(scan.legacy))
    algorithms = list_host_key_algorithms(kinds, scan.legacy)
    way = await open_way(nobody, scan.through, seconds=scan.seconds, network_policy=scan.network_policy)
    return await fetch_host_key(nobody, way, algorithms, seconds=scan.seconds)
