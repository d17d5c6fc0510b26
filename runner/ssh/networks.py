"""Which addresses a server may be at. A name is looked up once, and what it was found to be is judged and dialled."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from runner.ssh.protocol import ConnectFailed

Network = IPv4Network | IPv6Network

# Where clouds tell a machine its credentials, and what is no single machine's address. Never allowed by default.
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
# IPv4 addresses in IPv6 ones, as translators and tunnels read them: the prefix, and how many bits follow the address.
TRANSLATED = (("64:ff9b::/96", 0), ("::/96", 0), ("2002::/16", 80))


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPolicy:
    """`allowed` wins over `denied` and over what is never allowed by default; empty `ports`: any port."""

    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()
    ports: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, *, allowed: Sequence[str] = (), denied: Sequence[str] = (), ports: Sequence[int] = ()
    ) -> "NetworkPolicy":
        """ValueError for what is no network."""
        networks = [tuple(ipaddress.ip_network(each, strict=False) for each in given) for given in (allowed, denied)]
        return cls(allowed=networks[0], denied=networks[1], ports=tuple(ports))

    def permits(self, address: str) -> bool:
        """Whether this numeric address may be connected to, whichever way it is written."""
        found = _unwrap_address(ipaddress.ip_address(address.partition("%")[0]))
        if any(found in network for network in self.allowed):
            return True
        return not any(found in network for network in (*self.denied, *NEVER))

    def check_port(self, host: str, port: int) -> None:
        """Raises ConnectFailed for a port that servers may not have here."""
        if self.ports and port not in self.ports:
            raise ConnectFailed(
                "UNREACHABLE",
                f"sshcast may not connect to port {port} of {host}: an admin can add it to SSHCAST_ALLOWED_PORTS.",
            )


DEFAULT_POLICY = NetworkPolicy()


def _unwrap_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address where one hides in an IPv6 address."""
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
