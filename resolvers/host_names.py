"""Check a server's host as people paste it: accept what has one meaning, and say where other parts belong."""

import ipaddress
import re

from resolvers.errors import Invalid
from resolvers.validation import check_encodable

LONGEST = 255
NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?")
ZONE = re.compile(r"[A-Za-z0-9_.-]{1,32}")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
PORT = re.compile(r":[0-9]*")
DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
# IDNA 2003 and IDNA 2008 encode these letters differently: the caller must choose.
AMBIGUOUS = re.compile("[\u00df\u03c2\u200c\u200d\u1e9e]")


def check_host(value: str) -> str:
    """Return an ASCII host name (`xn--` for other scripts) or an IP address without brackets; Invalid otherwise."""
    text = check_encodable("host", value).strip()
    if not text or len(text) > LONGEST:
        raise _build_host_error()
    _check_alone(text)
    if text.startswith("["):
        text = _strip_brackets(text)
    if text.count(":") > 1:
        return _check_ipv6(text)
    if ":" in text:
        raise _build_port_error(text.partition(":")[2])
    name = text if text.isascii() else _encode_idna(text)
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise _build_host_error()
    return name


def _check_alone(text: str) -> None:
    """Raise Invalid if the text holds more than a host; the message names the field for the rest."""
    if URL.match(text):
        raise Invalid(
            "host",
            "is a URL: give the host alone; its user goes in `username` and its port in `port`.",
            "是一个网址：请只填主机，用户名填入 username，端口填入 port。",
        )
    if "@" in text:
        raise Invalid(
            "host",
            "holds a user and an @: give the host alone, and put what is before the @ in `username`.",
            "包含用户名和 @：请只填主机，并把 @ 之前的部分填入 username。",
        )


def _strip_brackets(text: str) -> str:
    inner, bracket, rest = text[1:].partition("]")
    if rest and PORT.fullmatch(rest):
        raise _build_port_error(rest[1:])
    if not bracket or rest or inner.count(":") < 2:
        raise _build_host_error()
    return inner


def _build_port_error(port: str) -> Invalid:
    shown = port if port.isascii() and port.isdigit() and len(port) < 6 else "it"
    return Invalid(
        "host",
        f"holds a port after a colon: give the host alone, and put {shown} in `port`.",
        f"包含冒号和端口：请只填主机，并把{'端口' if shown == 'it' else ' ' + shown + ' '}填入 port。",
    )


def _check_ipv6(text: str) -> str:
    address, percent, zone = text.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise _build_host_error() from None
    if percent and not ZONE.fullmatch(zone):
        raise _build_host_error()
    return text


def _encode_idna(text: str) -> str:
    if AMBIGUOUS.search(text):
        raise Invalid(
            "host",
            "holds a letter that older and newer rules for host names write in different ways: give its xn-- form.",
            "包含新旧域名规则写法不同的字符：请填写其 xn-- 形式。",
        )
    try:
        return text.translate(DOTS).encode("idna").decode()
    except UnicodeError:
        raise _build_host_error() from None


def _build_host_error() -> Invalid:
    return Invalid(
        "host",
        "must be a host name or an IP address of at most 255 characters, without a port, a path or blanks.",
        "必须是主机名或 IP 地址，最多 255 个字符，不含端口、路径或空白。",
    )
