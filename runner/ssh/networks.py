"""The addresses that servers may have. A name is resolved once, and the addresses found are checked and dialled."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from runner.ssh.protocol import ConnectFailed

Network = IPv4Network | IPv6Network

# Where clouds serve credentials to their machines, and addresses that belong to no single machine. Denied by default.
NEVER = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local: metadata of AWS, Azure, GCP, OpenStack and others
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # Azure's platform address
        "192.0.0.192/32",  # metadata of Oracle Cloud
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fd00:ec2::/32",  # metadata of AWS over IPv6
        "fe80::/10",
        "ff00::/8",
    )
)
# IPv6 prefixes that embed IPv4 addresses for translators and tunnels, and the number of bits after the address.
TRANSLATED = (("64:ff9b::/96", 0), ("::/96", 0), ("2002::/16", 80))


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPolicy:
    """Networks and ports that servers may use.

    `allowed` wins over `denied` and over the networks that are denied by default; empty `ports` allow any port. With
    `jump_names`, a jump server resolves the host names of the servers behind it; without, sshcast does.
    """

    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()
    ports: tuple[int, ...] = ()
    jump_names: bool = False

    @classmethod
    def of(
        cls,
        *,
        allowed: Sequence[str] = (),
        denied: Sequence[str] = (),
        ports: Sequence[int] = (),
        jump_names: bool = False,
    ) -> "NetworkPolicy":
        """Raises ValueError for an invalid network."""
        networks = [tuple(ipaddress.ip_network(each, strict=False) for each in given) for given in (allowed, denied)]
        return cls(allowed=networks[0], denied=networks[1], ports=tuple(ports), jump_names=jump_names)

    def permits(self, address: str) -> bool:
        """True if the numeric address may be connected to, in whichever form it is written."""
        found = _unwrap_address(ipaddress.ip_address(address.partition("%")[0]))
        if any(found in network for network in self.allowed):
            return True
        return not any(found in network for network in (*self.denied, *NEVER))

    def check_port(self, host: str, port: int) -> None:
        """Raise ConnectFailed for a port that is not allowed."""
        if self.ports and port not in self.ports:
            raise ConnectFailed(
                "UNREACHABLE",
                f"sshcast may not connect to port {port} of {host}: an admin can add it to SSHCAST_ALLOWED_PORTS.",
            )


DEFAULT_POLICY = NetworkPolicy()


def _unwrap_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address embeds, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for prefix, bits in TRANSLATED:
        if address in ipaddress.ip_network(prefix) and int(address) > 0xFFFF:
            return IPv4Address(int(address) >> bits & 0xFFFFFFFF)
    return address


def build_refusal(host: str) -> ConnectFailed:
    return ConnectFailed(
        "UNREACHABLE",
        f"{host} is at an address that sshcast may not connect to. "
        "Correct the server's host, or let an admin add its network to SSHCAST_ALLOWED_NETWORKS.",
    )
