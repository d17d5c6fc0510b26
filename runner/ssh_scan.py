"""Asking a server for its host keys, to be compared by a person and pinned."""

import asyncio
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import asyncssh

from runner.connection import ConnectFailed, Credential, Endpoint
from runner.dialing import dial
from runner.reach import USUAL, Reach
from runner.ssh_algorithms import host_key_algorithms
from runner.ssh_failure import Watch, told
from runner.ssh_keys import HOST_KEY_TYPES, key_line
from runner.ssh_options import transport_options

# OpenSSH turns an address away for 15 s at least once it has a penalty (sshd_config, PerSourcePenalties).
BACK_OFF_SECONDS = (1.0, 5.0, 15.0)

OnWait = Callable[[str], None]
"""Takes a sentence that says that the server turned us away, and for how long we wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """How to ask. `every`: a key of each type, by a connection each; else the best type alone, by one.

    `seconds` are for one connection, `waits` between one that the server turned away and the next.
    """

    every: bool = False
    legacy: Collection[str] = ()
    seconds: float = 10.0
    waits: Sequence[float] = BACK_OFF_SECONDS
    within: Reach = USUAL
    on_wait: OnWait | None = None


BEST = Scan()


class _TurnedAway(Exception):
    """The server closed the connection before it told its version."""

    def __init__(self, failure: ConnectFailed) -> None:
        super().__init__(failure.detail)
        self.failure = failure


async def scan_host_keys(host: str, port: int, scan: Scan = BEST) -> list[str]:
    """The host keys that the server offers now, as "TYPE BASE64". Nothing vouches for them. Raises ConnectFailed."""
    watch, key = await _fetch_patiently(host, port, HOST_KEY_TYPES, scan)
    lines = [key_line(key)]
    if scan.every:
        for kind in _further_types(watch, key, scan):
            lines.append(key_line((await _fetch_patiently(host, port, (kind,), scan))[1]))
    return lines


def _further_types(watch: Watch, key: asyncssh.SSHKey, scan: Scan) -> list[str]:
    """What else it offers, by what it said on the first connection."""
    rest = [kind for kind in HOST_KEY_TYPES if kind != key.algorithm.decode()]
    return [
        kind
        for kind in rest
        if not set(host_key_algorithms((kind,), scan.legacy)).isdisjoint(watch.host_key_algorithms)
    ]


async def _fetch_patiently(host: str, port: int, kinds: Sequence[str], scan: Scan) -> tuple[Watch, asyncssh.SSHKey]:
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
        raise _give_up(error.failure, len(scan.waits) + 1) from None


def _give_up(failure: ConnectFailed, times: int) -> ConnectFailed:
    return failure.renew(
        f"{failure.detail} Tried {times} times. A server that punishes this address (OpenSSH's PerSourcePenalties, "
        "MaxStartups, fail2ban) lets it in again after some minutes; its log says so."
    )


async def _fetch(host: str, port: int, kinds: Sequence[str], scan: Scan) -> tuple[Watch, asyncssh.SSHKey]:
    """The key of the first of these types that the server has. Raises ConnectFailed, and _TurnedAway."""
    sock = await dial(host, port, seconds=scan.seconds, within=scan.within)
    watch, is_early = Watch(host), False
    nobody = Endpoint(0, host, port, "", (), Credential("password", ""))
    try:
        with told(nobody, watch, sock, scan.seconds):
            try:
                async with asyncio.timeout(scan.seconds):
                    return watch, await _exchange(nobody, watch, sock, host_key_algorithms(kinds, scan.legacy), scan)
            except (asyncssh.ConnectionLost, OSError) as error:
                is_early = not watch.greeted and not isinstance(error, TimeoutError)
                raise
    except ConnectFailed as failure:
        if is_early and failure.passing:
            raise _TurnedAway(failure) from None
        raise


async def _exchange(at: Endpoint, watch: Watch, sock: socket.socket, names: list[str], scan: Scan) -> asyncssh.SSHKey:
    """One exchange of keys, which proves that the server has the private one too."""
    options = transport_options(scan.legacy) | {"server_host_key_algs": names}
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
