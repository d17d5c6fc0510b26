"""Which hosts a jump server is asked to connect to: addresses that were checked here, or a name that it resolves."""

import socket

from runner.ssh.dial import check_host, find_addresses
from runner.ssh.networks import NetworkPolicy


async def list_tunnel_hosts(host: str, port: int, *, seconds: float, network_policy: NetworkPolicy) -> list[str]:
    """Return what a jump server is asked to connect to, in turn: permitted addresses, or the name if it resolves names.

    Raises ConnectFailed.
    """
    if network_policy.jump_names and not is_numeric(host):
        check_host(host, port)
        network_policy.check_port(host, port)
        return [host]
    found = await find_addresses(host, port, seconds=seconds, network_policy=network_policy)
    return [str(address.sockaddr[0]) for address in found]


def is_numeric(host: str) -> bool:
    """True for an address in any notation that needs no lookup, such as 127.1 or 0x7f000001."""
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return False
    return True
