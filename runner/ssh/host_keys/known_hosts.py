"""Parses known_hosts lines, as people paste them and as they are pinned for one server.

Pinned lines are "TYPE BASE64", "@cert-authority * TYPE BASE64" and "@revoked * TYPE BASE64". They name no host, because
each belongs to one server. See sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

import base64
import fnmatch
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from runner.ssh.algorithms import HOST_KEY_TYPES
from runner.ssh.keys import parse_host_key
from runner.ssh.protocol import BadHostKey

AUTHORITY, REVOKED = "@cert-authority", "@revoked"
USUAL_PORT = 22


@dataclass(frozen=True, slots=True)
class HostKeyLine:
    """One line. `marker` is "", AUTHORITY or REVOKED; `hosts` is as written, None if the line names no host."""

    marker: str
    hosts: str | None
    key: str

    def __str__(self) -> str:
        """The line as it is pinned."""
        return f"{self.marker} * {self.key}" if self.marker else self.key


def parse_line(line: str) -> HostKeyLine | None:
    """Parse one line; return None for a blank line or a comment. Raises BadHostKey."""
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


def is_for(line: HostKeyLine, host: str, port: int, alias: str | None = None) -> bool:
    """True if the line names the server, or names no host.

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
    # The base64 of every key begins with AAAA, the length of the type's name.
    return len(words) < 2 or words[0] in HOST_KEY_TYPES or words[1].startswith("AAAA")


def _matches(hosts: str, name: str) -> bool:
    if hosts.startswith("|"):
        return _is_hash_of(hosts, name)
    patterns = hosts.lower().split(",")
    if any(_is_like(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_is_like(name, pattern) for pattern in patterns)


def _is_like(name: str, pattern: str) -> bool:
    """True if the name matches a pattern in which only * and ? are wildcards, and brackets are not."""
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), name) is not None


def _is_hash_of(hosts: str, name: str) -> bool:
    """Compare with `|1|SALT|HASH`, both in base64: the HMAC-SHA1 of the name."""
    try:
        _, kind, salt, wanted = hosts.split("|")
        found = hmac.new(base64.b64decode(salt, validate=True), name.encode(), hashlib.sha1).digest()
        return kind == "1" and hmac.compare_digest(found, base64.b64decode(wanted, validate=True))
    except ValueError:
        return False
