"""Checks the values of settings before anything is opened. ValueError says what is wrong."""

import re
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from resolvers.signing_key import check_key
from runner.cron.zones import list_zones
from sshcast.oidc import addresses

HOST = re.compile(r"(?!-)[\w-]{1,63}(\.[\w-]{1,63})*\.?")
PORTS = range(1, 65_536)
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
]


def folder(value: Path) -> Path:
    """Replace ~ by the home folder, as a shell would have."""
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError("has a ~, and that user has no home folder: give the folder from / on") from None


def host(value: str) -> str:
    """Return the address or name to listen on, without the brackets of an IPv6 address."""
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if not _is_address(bare) and not (HOST.fullmatch(value) and len(value) < 254):
        raise ValueError("must be an address such as 127.0.0.1 or a host name, without a scheme or a port")
    return bare


def zone(value: str) -> str:
    if value == "UTC" or value in list_zones():
        return value
    names = {each.lower(): each for each in sorted(list_zones())}
    near = get_close_matches(value.lower(), names, n=1)
    meant = f": did you mean {names[near[0]]}?" if near else ""
    raise ValueError(f"must be an IANA time zone such as Asia/Shanghai{meant}")


def networks(value: list[str]) -> list[str]:
    for number, each in enumerate(value, 1):
        if not _is_network(each):
            raise ValueError(f"item {number} must be a network such as 10.0.0.0/8, or an address")
    return value


def proxies(value: list[str]) -> list[str]:
    """Return the proxies as addresses and networks; a single * stands for any."""
    if value == ["*"]:
        return value
    for number, each in enumerate(value, 1):
        if not _is_network(each):
            raise ValueError(f"item {number} must be an address or a network such as 10.0.0.0/8, not a host name")
    # Of a network with bits of a host, none would be believed.
    return [str(ip_network(each, strict=False)) if "/" in each else each for each in value]


def ports(value: list[int]) -> list[int]:
    for number, each in enumerate(value, 1):
        if each not in PORTS:
            raise ValueError(f"item {number} must be a port from 1 to 65535")
    return value


def check_signing_key(value: SecretStr | None) -> None:
    if value is not None:
        check_key(value.get_secret_value().encode())


def address(url: str, example: str = "https://login.example.com") -> str:
    """Return the URL of a site or of a page in it, if it is valid."""
    if "://" not in url:
        raise ValueError(f"must begin with https://, such as {example}")
    try:
        port, name = urlsplit(url).port, urlsplit(url).hostname or ""
    except ValueError:
        port, name = 0, ""
    if port == 0 or not (HOST.fullmatch(name) or _is_address(name)):
        raise ValueError(f"must be an address such as {example}, with a host name and, if any, a port from 1 to 65535")
    return addresses.check_address(url)


def site(url: str) -> str:
    return addresses.check_site_address(address(url, "https://sshcast.example.com"))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
