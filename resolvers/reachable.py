"""Whether a server may be where it is registered. A connection asks again: what a name stands for changes."""

from collections.abc import Mapping
from typing import Any

from resolvers.errors import Invalid
from runner.ssh.dial import resolve
from runner.ssh.networks import NetworkPolicy
from runner.ssh.protocol import ConnectFailed

LOOKUP_SECONDS = 2.0


async def check(within: NetworkPolicy, values: Mapping[str, Any], *, port: int = 22) -> None:
    """Invalid for a host or a port among `values` that no connection would be made to.

    A name that nobody answers for at present is taken: it may be known where the runners are, or later.
    """
    port = values.get("port", port)
    if "host" in values and not await _is_permitted(within, values["host"], port):
        raise Invalid(
            "host",
            "is in a network that servers may not be in here. Correct it, or have its network added to "
            "SSHCAST_ALLOWED_NETWORKS.",
            "位于此处不允许的网络中：请更正，或将其网络加入 SSHCAST_ALLOWED_NETWORKS。",
        )
    if "port" in values and not _is_port_permitted(within, port):
        raise Invalid(
            "port",
            "is none of those that servers may have here: see SSHCAST_ALLOWED_PORTS.",
            "不在此处允许的端口之内：见 SSHCAST_ALLOWED_PORTS。",
        )


async def _is_permitted(within: NetworkPolicy, host: str, port: int) -> bool:
    """As a connection judges it: one address that is permitted will do."""
    try:
        found = await resolve(host, port, seconds=LOOKUP_SECONDS)
    except ConnectFailed:
        return True
    return any(within.permits(str(address.sockaddr[0])) for address in found)


def _is_port_permitted(within: NetworkPolicy, port: int) -> bool:
    return not within.ports or port in within.ports
