"""From a host name to a connected socket, with an explanation of each way in which that can fail."""

import asyncio
import ipaddress
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from runner.ssh import networks
from runner.ssh.networks import DEFAULT_POLICY, NetworkPolicy
from runner.ssh.protocol import ConnectFailed


@dataclass(frozen=True, slots=True)
class Address:
    family: int
    sockaddr: tuple[Any, ...]


async def dial(
    host: str, port: int, *, seconds: float, network_policy: NetworkPolicy = DEFAULT_POLICY
) -> socket.socket:
    """Resolve once, then try each permitted address in turn, `seconds` in all. Raises ConnectFailed."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    addresses = await find_addresses(host, port, seconds=seconds, network_policy=network_policy)
    failure = _build_timeout(host, port, seconds)
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        # An even share of the time for each address: a first one that drops packets must not use up the others'.
        try:
            return await _connect(address, seconds=max(deadline - loop.time(), 0.1) / left)
        except TimeoutError:
            failure = _build_timeout(host, port, seconds)
        except OSError as error:
            failure = _build_refusal(host, port, error)
    raise failure


async def find_addresses(host: str, port: int, *, seconds: float, network_policy: NetworkPolicy) -> list[Address]:
    """Return the permitted addresses of the host, at least one. Raises ConnectFailed."""
    check_host(host, port)
    network_policy.check_port(host, port)
    found = await resolve(host, port, seconds=seconds)
    addresses = [address for address in found if network_policy.permits(str(address.sockaddr[0]))]
    if not addresses:
        raise networks.build_refusal(host)
    return addresses


def check_host(host: str, port: int) -> None:
    """Raise ConnectFailed for an invalid host name or port. A leading '-' could become an option of some tool."""
    if not host or host.startswith("-") or not host.isprintable() or any(char.isspace() for char in host):
        raise ConnectFailed(
            "UNREACHABLE", f"{host!r} is not a host name or address. Correct the server's host: no '-' in front."
        )
    if not 0 < port < 65536:
        raise ConnectFailed("UNREACHABLE", f"{port} is not a port. Give the server a port from 1 to 65535.")


async def resolve(host: str, port: int, *, seconds: float) -> list[Address]:
    """Return the host's addresses. Each name gets a thread: in a shared pool slow names would delay all others."""
    with suppress(ValueError):
        numeric = ipaddress.ip_address(host)
        family = socket.AF_INET if numeric.version == 4 else socket.AF_INET6
        return [Address(family, (host, port) if numeric.version == 4 else (host, port, 0, 0))]
    try:
        async with asyncio.timeout(seconds):
            return await _resolve_in_thread(host, port)
    except TimeoutError:
        raise ConnectFailed(
            "UNREACHABLE",
            f"The DNS lookup of {host} gave no answer within {seconds:g} s. Check the name servers that sshcast uses.",
            passing=True,
        ) from None
    except (OSError, ValueError) as error:
        raise ConnectFailed(
            "UNREACHABLE",
            f"The host name {host} could not be resolved (DNS: {_format_reason(error)}). "
            "Check its spelling, or use an address.",
            passing=isinstance(error, OSError),
        ) from None


async def _resolve_in_thread(host: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def settle(found: list[Address] | Exception) -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def look_up() -> None:
        found: list[Address] | Exception
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [Address(family, sockaddr) for family, _, _, _, sockaddr in infos]
        except (OSError, ValueError) as error:
            found = error
        with suppress(RuntimeError):  # the loop may be closed before a slow name is resolved
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    return await answer


async def _connect(address: Address, *, seconds: float) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


def _build_timeout(host: str, port: int, seconds: float) -> ConnectFailed:
    return ConnectFailed(
        "UNREACHABLE",
        f"No connection to {host} port {port} within {seconds:g} s (timeout). "
        "Check that the host is up and that no firewall drops the packets.",
        passing=True,
    )


def _build_refusal(host: str, port: int, error: OSError) -> ConnectFailed:
    if isinstance(error, ConnectionRefusedError):
        return ConnectFailed(
            "UNREACHABLE",
            f"{host} refused the connection on port {port}. Check the port, and that an SSH server listens there.",
            passing=True,
        )
    return ConnectFailed(
        "UNREACHABLE",
        f"Could not connect to {host} port {port}: {_format_reason(error)}. Check the address and the network.",
        passing=True,
    )


def _format_reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return error.strerror or "name lookup failed"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return "not a valid name"
