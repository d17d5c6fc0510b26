"""Lines of known_hosts: as people paste them, and as they are pinned for one server.

Pinned are "TYPE BASE64", "@cert-authority * TYPE BASE64" and "@revoked * TYPE BASE64": the server is known, so that its
names need not be. See sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

import base64
import fnmatch
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncssh

from runner.ssh.algorithms import HOST_KEY_TYPES
from runner.ssh.keys.keys import parse_host_key
from runner.ssh.protocol import BadHostKey

AUTHORITY, REVOKED = "@cert-authority", "@revoked"
USUAL_PORT = 22


@dataclass(frozen=True, slots=True)
class HostKeyLine:
    """`marker` is empty, AUTHORITY or REVOKED; `hosts` is as it was written, None where the line names no host."""

    marker: str
    hosts: str | None
    key: str

    def __str__(self) -> str:
        """As it is pinned."""
        return f"{self.marker} * {self.key}" if self.marker else self.key


@dataclass(frozen=True, slots=True)
class Pins:
    """Whom to take for a server. `names`: what its host certificate must be for, one of them."""

    keys: tuple[asyncssh.SSHKey, ...]
    authorities: tuple[asyncssh.SSHKey, ...] = ()
    revoked: tuple[asyncssh.SSHKey, ...] = ()
    names: tuple[str, ...] = ()


def parse_line(line: str) -> HostKeyLine | None:
    """None for a blank line or a comment. Raises BadHostKey."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    if "\n" in line.strip():
        raise BadHostKey("a host key is one line: give each line of a file by itself")
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker not in ("", AUTHORITY, REVOKED):
        raise BadHostKey(f"{marker[:40]!r} is no marker of known_hosts; there are {AUTHORITY} and {REVOKED}")
    hosts = None if _begins_with_type(words) else words.pop(0)
    key = " ".join(words[:2])
    parse_host_key(key)
    return HostKeyLine(marker, hosts, key)


def parse_pins(lines: Sequence[str], names: Iterable[str]) -> Pins:
    """What is pinned by these lines. Raises BadHostKey."""
    found: dict[str, list[asyncssh.SSHKey]] = {"": [], AUTHORITY: [], REVOKED: []}
    for line in filter(None, map(parse_line, lines)):
        found[line.marker].append(parse_host_key(line.key))
    return Pins(tuple(found[""]), tuple(found[AUTHORITY]), tuple(found[REVOKED]), tuple(names))


def is_for(line: HostKeyLine, host: str, port: int, alias: str | None = None) -> bool:
    """Whether the line names the server, or names nothing.

    A host without a port means port 22. Lines with a marker are often for whole domains, which cannot name a port, so
    there the host alone is enough, as it is for ssh(1).
    """
    if line.hosts is None:
        return True
    names = [host if port == USUAL_PORT else f"[{host}]:{port}", *([alias] if alias else [])]
    if line.marker:
        names.append(host)
    return any(_matches(line.hosts, name.lower()) for name in names)


def _begins_with_type(words: Sequence[str]) -> bool:
    # The base64 of every key begins with AAAA: with the length of the type's name.
    return len(words) < 2 or words[0] in HOST_KEY_TYPES or words[1].startswith("AAAA")


def _matches(hosts: str, name: str) -> bool:
    if hosts.startswith("|"):
        return _is_hash_of(hosts, name)
    patterns = hosts.lower().split(",")
    if any(_is_like(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_is_like(name, pattern) for pattern in patterns)


def _is_like(name: str, pattern: str) -> bool:
    """Only * and ? are wild, and brackets are not."""
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), name) is not None


def _is_hash_of(hosts: str, name: str) -> bool:
    """`|1|SALT|HASH`, both in base64: HMAC-SHA1 of the name."""
    try:
        _, kind, salt, wanted = hosts.split("|")
        found = hmac.new(base64.b64decode(salt, validate=True), name.encode(), hashlib.sha1).digest()
        return kind == "1" and hmac.compare_digest(found, base64.b64decode(wanted, validate=True))
    except ValueError:
        return False
