"""Check what identifies a server: its pinned host keys, its host key alias, and its legacy algorithms."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from db.values import LegacyAlgorithm
from resolvers import validation
from resolvers.errors import Invalid
from runner.ssh.host_keys.known_hosts import REVOKED, HostKeyLine, is_for, parse_line
from runner.ssh.protocol import BadHostKey

MOST_KEYS = 16
MOST_LINES = 256  # in a pasted file, including its comments
ALIAS = re.compile(r"[A-Za-z0-9_.:-]{1,255}")


def check_alias(value: str | None) -> str | None:
    if value is not None and not ALIAS.fullmatch(value):
        raise Invalid(
            "host_key_alias",
            "must be a name of 1 to 255 letters, digits or . : _ -, as in the server's host certificate.",
            "须为 1 到 255 个字母、数字或 . : _ -，与服务器主机证书中的名称一致。",
        )
    return value


def check_legacy_algorithms(value: Sequence[str]) -> list[str]:
    """Return the names in a fixed order without repeats, so that the audit shows only real changes."""
    for name in value:
        validation.check_one_of("legacy_algorithms", name, LegacyAlgorithm)
    return [each.value for each in LegacyAlgorithm if each in value]


def check_host_keys(server: Mapping[str, Any]) -> list[str]:
    """Return the lines of `server["host_keys"]` in the form in which they are pinned for its host, port and alias."""
    if not 1 <= len(server["host_keys"]) <= MOST_LINES:
        raise _build_count_error()
    found: list[HostKeyLine] = []
    for number, text in enumerate(server["host_keys"], 1):
        line = _parse_line(text)
        if line is None:
            continue
        if not is_for(line, server["host"], server["port"], server["host_key_alias"]):
            raise _build_foreign_line_error(number, line, server)
        found.append(line)
    if not len(found) <= MOST_KEYS or all(line.marker == REVOKED for line in found):
        raise _build_count_error()
    return [str(line) for line in found]


def _parse_line(text: str) -> HostKeyLine | None:
    try:
        return parse_line(text)
    except BadHostKey as error:
        raise Invalid(
            "host_keys", str(error), "包含无法识别的公钥，格式应为“类型 BASE64”或 known_hosts 的一行。"
        ) from error


def _build_count_error() -> Invalid:
    return Invalid(
        "host_keys",
        'needs 1 to 16 pinned keys as "TYPE BASE64" or lines of known_hosts, not all of them revoked '
        "(see `sshcast server add --scan`).",
        "须提供 1 到 16 个主机公钥（“类型 BASE64”或 known_hosts 的行，且不能全部为 @revoked；"
        "可用 `sshcast server add --scan` 获取）。",
    )


def _build_foreign_line_error(number: int, line: HostKeyLine, server: Mapping[str, Any]) -> Invalid:
    hosts = "a hashed name" if line.hosts and line.hosts.startswith("|") else repr((line.hosts or "")[:100])
    alias = server["host_key_alias"]
    name = f"{server['host']} port {server['port']}" + (f" or {alias}" if alias else "")
    return Invalid(
        "host_keys",
        f"line {number} is for {hosts}, not for {name} (a host name without a port means port 22). "
        "Take the line of this server, or leave out what is before the key's type.",
        f"第 {number} 行属于 {hosts}，不是 {name}（未写端口即为 22）。请使用本服务器的行，或去掉公钥类型之前的部分。",
    )
