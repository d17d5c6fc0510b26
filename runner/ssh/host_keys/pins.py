"""The keys pinned for one server: its own, those of authorities that certify it, and revoked ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.ssh.host_keys.known_hosts import AUTHORITY, REVOKED, parse_line
from runner.ssh.keys import HostKey, parse_host_key


@dataclass(frozen=True, slots=True)
class Pins:
    """The keys and authorities pinned for a server. A host certificate must be for one of `names`."""

    keys: tuple[HostKey, ...]
    authorities: tuple[HostKey, ...] = ()
    revoked: tuple[HostKey, ...] = ()
    names: tuple[str, ...] = ()


def parse_pins(lines: Sequence[str], names: Iterable[str]) -> Pins:
    """Parse the pinned lines of one server. Raises BadHostKey."""
    found: dict[str, list[HostKey]] = {"": [], AUTHORITY: [], REVOKED: []}
    for line in filter(None, map(parse_line, lines)):
        found[line.marker].append(parse_host_key(line.key))
    return Pins(tuple(found[""]), tuple(found[AUTHORITY]), tuple(found[REVOKED]), tuple(names))
