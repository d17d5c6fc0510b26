"""Reads ProxyJump, and the ProxyCommand that does the same."""

import re
import shlex
from pathlib import PurePath

from sshcast.remote.imports.hosts import Hop, Unreadable

HOP = re.compile(r"(?:(?P<user>.+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]@]+))(?::(?P<port>[0-9]{1,5}))?")
FORWARDS = ("%h:%p", "[%h]:%p")
HARMLESS = set("aAkNqTvxX46")


def parse_jumps(text: str) -> tuple[Hop, ...]:
    """Return the jump servers of ProxyJump, in the order in which they are passed; () for `none`."""
    if text.strip().lower() == "none":
        return ()
    return tuple(_parse_hop(part.strip()) for part in text.split(","))


def parse_proxy_command(text: str) -> tuple[Hop, ...]:
    """Return the jump server of a ProxyCommand of the form `ssh -W %h:%p HOST`; Unreadable for all others."""
    if text.strip().lower() == "none":
        return ()
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    if words[:1] == ["exec"]:
        words = words[1:]
    hop = _read_forward(words[1:]) if words and PurePath(words[0]).name == "ssh" else None
    if hop is None:
        raise Unreadable(
            f"ProxyCommand {text}: only `ssh -W %h:%p HOST` is known; register a jump server instead",
            f"ProxyCommand {text}：只支持 `ssh -W %h:%p HOST`；请改为登记跳板服务器",
        )
    return (hop,)


def _read_forward(words: list[str]) -> Hop | None:
    """Return the host of ssh's arguments; None unless they only forward to the target."""
    options: dict[str, str] = {}
    hosts = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            hosts.append(word)
        elif word[1:2] in ("W", "l", "p"):
            options[word[1]] = word[2:] or next(rest, "")
        elif word == "-" or not set(word[1:]) <= HARMLESS:
            return None
    if options.get("W") not in FORWARDS or len(hosts) != 1:
        return None
    hop = _parse_hop(hosts[0])
    port = options.get("p", "")
    return Hop(hop.host, options.get("l", hop.user), int(port) if port.isdecimal() else hop.port)


def _parse_hop(text: str) -> Hop:
    text = text.removeprefix("ssh://").rstrip("/")
    found = HOP.fullmatch(text)
    if found is None:
        raise Unreadable(
            f"the jump server {text!r} is not [USER@]HOST[:PORT]", f"跳板服务器 {text!r} 不是 [USER@]HOST[:PORT] 的形式"
        )
    port = found["port"]
    return Hop(found["v6"] or found["host"], found["user"], None if port is None else int(port))
