"""Check that a server's address is permitted. Each connection checks it again, since a name may resolve differently."""

from collections.abc import Mapping
from typing import Any

from resolvers.errors import Invalid
from runner.ssh.dial import resolve
from runner.ssh.jumps.hosts import is_numeric
from runner.ssh.networks import NetworkPolicy
from runner.ssh.protocol import ConnectFailed

LOOKUP_SECONDS = 2.0


async def check(
    network_policy: NetworkPolicy, values: Mapping[str, Any], *, port: int = 22, behind_jump: bool = False
) -> None:
    """Raise Invalid if `values` holds a host or a port that no connection would be made to.

    A name that does not resolve is accepted: the runners may know it, or it may be added later. So is one that a jump
    server will resolve.
    """
    port = values.get("port", port)
    host = values.get("host")
    is_resolved_there = host is not None and behind_jump and network_policy.jump_names and not is_numeric(host)
    if host is not None and not is_resolved_there and not await _is_permitted(network_policy, host, port):
        raise Invalid(
            "host",
            "is in a network that servers may not be in here. Correct it, or have its network added to "
            "SSHCAST_ALLOWED_NETWORKS.",
            "位于此处不允许的网络中：请更正，或将其网络加入 SSHCAST_ALLOWED_NETWORKS。",
        )
    if "port" in values and not _is_port_permitted(network_policy, port):
        raise Invalid(
            "port",
            "is none of those that servers may have here: see SSHCAST_ALLOWED_PORTS.",
            "不在此处允许的端口之内：见 SSHCAST_ALLOWED_PORTS。",
        )


async def _is_permitted(network_policy: NetworkPolicy, host: str, port: int) -> bool:
    """Return whether one of the host's addresses is permitted, which is enough for a connection too."""
    try:
        found = await resolve(host, port, seconds=LOOKUP_SECONDS)
    except ConnectFailed:
        return True
    return any(network_policy.permits(str(address.sockaddr[0])) for address in found)


def _is_port_permitted(network_policy: NetworkPolicy, port: int) -> bool:
    return not network_policy.ports or port in network_policy.ports
