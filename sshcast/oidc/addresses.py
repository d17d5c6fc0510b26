"""Checks the addresses of the provider and of this service."""

import re
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A path of this site: it cannot be read as another host's ("//host", "/\\host"), and has no fragment of its own.
PATH = re.compile(r"/(?![/\\])[!-\"$-\[\]-~]*\Z")
SITE_PATH = re.compile(r"(/[A-Za-z0-9_-]+){0,8}")
LONGEST_PATH = 200
LONGEST_ADDRESS = 255


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


def check_address(url: str) -> str:
    """Return an https address, or http on this machine; raise ValueError with what is wrong."""
    found = urlsplit(url)
    if found.scheme not in ("http", "https") or not found.hostname:
        raise ValueError("must be an address such as https://login.example.com")
    if found.scheme == "http" and not is_loopback(url):
        raise ValueError("must be https: http is taken on this machine only")
    if found.query or found.fragment or found.username or found.password:
        raise ValueError("must have no query, fragment or user name")
    if found.port == 0:  # reading it refuses what is no port
        raise ValueError("must have a port from 1 to 65535, or none")
    if len(url) > LONGEST_ADDRESS:
        raise ValueError(f"must be at most {LONGEST_ADDRESS} characters")
    return url


def check_site_address(url: str) -> str:
    """Check the address like `check_address`. It may have a path, and is returned without a slash at its end."""
    bare = check_address(url).rstrip("/")
    if not SITE_PATH.fullmatch(urlsplit(bare).path):
        raise ValueError("must have no path, or one of letters, digits, - and _ such as /sshcast or /tools/sshcast")
    return bare


def is_local_path(path: str) -> bool:
    return len(path) <= LONGEST_PATH and PATH.match(path) is not None
