"""Finds the host keys of a server in known_hosts files, by the rules of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"."""

import base64
import fnmatch
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sshcast.remote.credentials import read_text

AUTHORITY, REVOKED = "@cert-authority", "@revoked"
MARKERS = ("", AUTHORITY, REVOKED)
TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
"""The types that the service accepts; a test compares them. Lines with others are passed over."""
MOST = 16
USUAL_PORT = 22


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A line: for which hosts, as written, and its key as "TYPE BASE64"."""

    marker: str
    hosts: str
    key: str

    def __str__(self) -> str:
        """The line as it is pinned."""
        return f"{self.marker} * {self.key}" if self.marker else self.key


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """The lines of known_hosts files."""

    lines: list[KnownLine] = field(default_factory=list)

    def find_keys(self, host: str, port: int, alias: str | None) -> list[str]:
        """Return the lines to pin for a server, in the order of the files; [] if none of them is a key to trust."""
        name = alias or (host if port == USUAL_PORT else f"[{host}]:{port}")
        names = (name, alias or host)  # what is marked is for whole domains, and names no port
        found = [each for each in self.lines if _is_for(each.hosts, names[0 if not each.marker else 1])]
        if all(each.marker == REVOKED for each in found):
            return []
        return list(dict.fromkeys(map(str, found)))[:MOST]


def read_known_hosts(paths: Sequence[Path]) -> KnownHosts:
    """Read files. Lines that are no keys of a type that the service accepts are passed over."""
    lines = (_parse(line) for path in paths for line in read_text(path).splitlines())
    return KnownHosts([line for line in lines if line is not None])


def _parse(text: str) -> KnownLine | None:
    words = text.split()
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < 3 or words[0].startswith("#") or marker not in MARKERS or words[1] not in TYPES:
        return None
    return KnownLine(marker, words[0], f"{words[1]} {words[2]}")


def _is_for(hosts: str, name: str) -> bool:
    if hosts.startswith("|"):
        return _is_hash_of(hosts, name.lower())
    patterns = hosts.lower().split(",")
    if any(_is_like(name.lower(), each[1:]) for each in patterns if each.startswith("!")):
        return False
    return any(_is_like(name.lower(), each) for each in patterns)


def _is_like(name: str, pattern: str) -> bool:
    """Tell whether the name matches a pattern in which * and ? alone are wildcards, and brackets are not."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _is_hash_of(hosts: str, name: str) -> bool:
    """Compare with `|1|SALT|HASH`, both in base64: the HMAC-SHA1 of the name."""
    try:
        _, kind, salt, wanted = hosts.split("|")
        found = hmac.new(base64.b64decode(salt, validate=True), name.encode(), hashlib.sha1).digest()
        return kind == "1" and hmac.compare_digest(found, base64.b64decode(wanted, validate=True))
    except ValueError:
        return False
