"""The SSH client: connections with strictly pinned host keys, and explanations of failures.

Nothing of the service's own account is used: no ssh_config, known_hosts, agent, default keys or forwarding (an
ssh_config could turn host verification off and run commands on our machine).
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncssh
from asyncssh.constants import MSG_IGNORE
from asyncssh.kex import get_kex_algs
from asyncssh.packet import SSHPacketLogger

from runner.ssh.algorithms import HOST_KEY_TYPES, list_host_key_algorithms
from runner.ssh.dial import dial
from runner.ssh.failures import ConnectionObserver, format_error, report_failure
from runner.ssh.host_keys.pins import Pins, parse_pins
from runner.ssh.host_keys.trust import CERTIFICATE_TYPES
from runner.ssh.jumps.hosts import list_tunnel_hosts
from runner.ssh.jumps.tunnel import Tunnel
from runner.ssh.keys import (
    HostKey,
    check_credential,
    check_host_key,
    extract_public_part,
    fingerprint,
    load_host_key,
    parse_client_key,
)
from runner.ssh.networks import DEFAULT_POLICY, NetworkPolicy
from runner.ssh.options import build_transport_options
from runner.ssh.process import SSHProcess
from runner.ssh.protocol import (
    BadCredential,
    BadHostKey,
    ChannelRefused,
    ConnectFailed,
    ConnectTimeouts,
    Credential,
    Endpoint,
    Exit,
    OnOutput,
    RemoteProcess,
    ServerConnection,
)
from runner.ssh.sign_in.progress import ConnectProgress

__all__ = [
    "BadCredential",
    "BadHostKey",
    "ChannelRefused",
    "ConnectFailed",
    "ConnectTimeouts",
    "Credential",
    "Endpoint",
    "Exit",
    "RemoteProcess",
    "ServerConnection",
    "check_credential",
    "check_host_key",
    "connect",
    "fingerprint",
]

WINDOW_BYTES = 1024 * 1024
CLOSE_SECONDS = 5.0
TIMEOUTS = ConnectTimeouts()

# At INFO asyncssh logs the command line, which may hold a secret.
asyncssh.set_log_level(logging.WARNING)


async def connect(
    endpoint: Endpoint,
    *,
    through: ServerConnection | None = None,
    timeouts: ConnectTimeouts = TIMEOUTS,
    network_policy: NetworkPolicy = DEFAULT_POLICY,
    progress: ConnectProgress | None = None,
) -> ServerConnection:
    """Sign in to `endpoint`, `through` a connection to its jump server if it has one. `progress` is written meanwhile.

    Raises ConnectFailed, whose detail says what failed and what to do.
    """
    pins = _parse_pins(endpoint)
    options = await _build_sign_in_options(endpoint, pins)
    way = await open_way(endpoint, through, seconds=timeouts.connect, network_policy=network_policy)
    key = (options["client_keys"] or [None])[0]
    watch = ConnectionObserver(endpoint.host, endpoint.credential, pins, key=key, progress=progress)
    with report_failure(endpoint, watch, way, timeouts.login):
        async with asyncio.timeout(timeouts.login if isinstance(way, socket.socket) else timeouts.both):
            link = await asyncssh.connect(
                endpoint.host,
                endpoint.port,
                client_factory=lambda: watch,
                login_timeout=timeouts.login,
                **_build_way_options(way),
                **options,
            )
    _leave_out_ignored_packets(link)
    return SSHConnection(link, endpoint, channel_seconds=timeouts.channel)


async def open_way(
    endpoint: Endpoint, through: ServerConnection | None, *, seconds: float, network_policy: NetworkPolicy
) -> socket.socket | Tunnel:
    """Return a connected socket, or a tunnel through that connection. Raises ConnectFailed."""
    host, port = endpoint.host, endpoint.port
    if through is None:
        return await dial(host, port, seconds=seconds, network_policy=network_policy)
    assert isinstance(through, SSHConnection)
    hosts = await list_tunnel_hosts(host, port, seconds=seconds, network_policy=network_policy)
    return through.build_tunnel(hosts, seconds)


def _build_way_options(way: socket.socket | Tunnel) -> dict[str, Any]:
    return {"sock": way} if isinstance(way, socket.socket) else {"tunnel": way}


def _leave_out_ignored_packets(link: asyncssh.SSHClientConnection) -> None:
    """Send no IGNORE packet, which asyncssh puts before each of its own: it helps against an attack on CBC alone.

    The attack is that of RFC 4251 section 9.3.1. Half of a run's packets, and of our writes to the socket, were those.
    """
    if "cbc" in link.get_extra_info("send_cipher"):
        return
    send_packet = link.send_packet

    def send_unless_ignored(kind: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        if kind != MSG_IGNORE:
            send_packet(kind, *args, handler=handler)

    link.send_packet = send_unless_ignored  # type: ignore[method-assign, assignment]


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A host key that a server proved to hold. `algorithms` are all that it offered to sign with."""

    key: HostKey
    algorithms: tuple[str, ...]


async def fetch_host_key(
    endpoint: Endpoint, way: socket.socket | Tunnel, algorithms: Sequence[str], *, seconds: float
) -> ShownKey:
    """Return the key of the first of these algorithms that the server has.

    Raises ConnectFailed, or its subclass TurnedAway.
    """
    watch = ConnectionObserver(endpoint.host)
    with report_failure(endpoint, watch, way, seconds):
        async with asyncio.timeout(seconds):
            key = await _exchange_keys(endpoint, watch, way, list(algorithms))
    return ShownKey(extract_public_part(key), watch.host_key_algorithms)


async def _exchange_keys(
    at: Endpoint, watch: ConnectionObserver, way: socket.socket | Tunnel, algorithms: list[str]
) -> asyncssh.SSHKey:
    """Exchange keys once, which proves that the server holds the private key too."""
    options = _build_transport_options(at.legacy_algorithms) | {"server_host_key_algs": algorithms}
    key = await asyncssh.get_server_host_key(
        at.host,
        at.port,
        **_build_way_options(way),
        config=None,
        kex_algs=options["kex_algs"],
        server_host_key_algs=algorithms,
        options=asyncssh.SSHClientConnectionOptions(client_factory=lambda: watch, **options),
    )
    assert key is not None  # only a key exchange by GSS shows none, and we offer none
    return key


def _build_transport_options(legacy: Collection[str]) -> dict[str, Any]:
    """Return the options with only the key exchanges that the installed libraries support: asyncssh refuses others."""
    options = build_transport_options(legacy)
    available = {name.decode() for name in get_kex_algs()}
    return options | {"kex_algs": [name for name in options["kex_algs"] if name in available]}


class SSHConnection:
    """A `runner.ssh.protocol.ServerConnection`: one TCP connection with as many channels as the server allows."""

    def __init__(self, link: asyncssh.SSHClientConnection, endpoint: Endpoint, *, channel_seconds: float) -> None:
        self._link = link
        self._endpoint = endpoint
        self._late_tunnels: set[asyncio.Task[Any]] = set()
        self._channel_seconds = channel_seconds
        self._spoilt = False

    @property
    def is_alive(self) -> bool:
        return not self._spoilt and not self._link.is_closed()

    async def start(
        self,
        command: str,
        *,
        on_output: OnOutput,
        on_closed: Callable[[Exit], None] | None = None,
        stdin: bytes | None = None,
    ) -> SSHProcess:
        process = SSHProcess(on_output=on_output, on_closed=on_closed)
        try:
            async with asyncio.timeout(self._channel_seconds):
                await self._link.create_session(lambda: process, command, encoding=None, window=WINDOW_BYTES)
        except (asyncssh.Error, OSError) as error:
            self._raise_if_unstarted(process, error)
        except BaseException:
            self._abandon(process)
            raise
        if stdin is not None:
            with suppress(BrokenPipeError):  # a command that has already ended reads no input
                process.write(stdin)
                process.write_eof()
        return process

    def build_tunnel(self, hosts: Sequence[str], seconds: float) -> Tunnel:
        """Return a tunnel to the first of these hosts that this server connects to, `seconds` in all."""
        return Tunnel(self._link, self._endpoint, hosts=hosts, seconds=seconds, late=self._late_tunnels)

    async def probe(self) -> None:
        """Send the request of asyncssh's own keepalive, which has no public call. Any answer counts, also a refusal."""
        with suppress(asyncssh.Error, OSError):
            await self._link._make_global_request(b"keepalive@openssh.com")

    async def close(self) -> None:
        self._link.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._link.wait_closed()
        except TimeoutError:
            self._link.abort()

    def _raise_if_unstarted(self, process: SSHProcess, error: Exception) -> None:
        """Raise if the command certainly did not start; else the process's exit reports the loss."""
        if not process.opened:
            self._abandon(process)
            raise ChannelRefused(f"The server opened no channel for the command ({format_error(error)}).") from None
        if isinstance(error, asyncssh.ChannelOpenError) and not process.is_ended and self.is_alive:
            process.abort()
            raise ChannelRefused(
                "The server refused to run a command for this account. Check what sshd allows it.", passing=True
            )
        process.abort()

    def _abandon(self, process: SSHProcess) -> None:
        """Give up a requested channel. A late answer would leave it open, so the connection takes no more commands."""
        if process.opened:
            process.abort()
        else:
            self._spoilt = True


def _parse_pins(endpoint: Endpoint) -> Pins:
    try:
        return parse_pins(endpoint.host_keys, endpoint.names)
    except BadHostKey as error:
        raise ConnectFailed("HOST_KEY_UNKNOWN", f"A pinned host key of this server cannot be read: {error}.") from None


async def _build_sign_in_options(endpoint: Endpoint, pins: Pins) -> dict[str, Any]:
    """Return the options that sign us in and pin the server's keys. Raises ConnectFailed."""
    try:
        # In a thread: decrypting a key takes a tenth of a second or more.
        is_password = endpoint.credential.kind == "password"
        key = None if is_password else await asyncio.to_thread(parse_client_key, endpoint.credential)
    except BadCredential as error:
        raise ConnectFailed("AUTH_FAILED", f"The server's {error.field} {error.message}.") from None
    # Other key types are accepted in the handshake, so that a changed key is told apart from a broken server.
    certificates = CERTIFICATE_TYPES if pins.authorities else ()
    kinds = list(dict.fromkeys([*certificates, *(pin.kind for pin in pins.keys), *HOST_KEY_TYPES]))
    return dict(
        _build_transport_options(endpoint.legacy_algorithms),
        username=endpoint.username,
        known_hosts=tuple([*map(load_host_key, keys)] for keys in (pins.keys, pins.authorities, pins.revoked)),
        server_host_key_algs=list_host_key_algorithms(kinds, endpoint.legacy_algorithms),
        client_keys=None if key is None else [key],
        password=None,  # `SignIn` gives it, once
        preferred_auth=["password" if is_password else "publickey", "keyboard-interactive"],
        utf8_decode_errors="replace",  # a banner in another encoding must not fail the sign-in
    )
