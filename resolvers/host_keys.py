"""Scan the host keys that a server offers, compare them with the pinned ones, and pin them by fingerprint.

This module does not speak SSH: a runner makes the connection and answers over the bus.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from db import servers as table
from db.models import Server
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, host_names, jumps, pins, reachable, rights, validation
from resolvers.audit import AuditedChange
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, Unavailable, Unreachable
from resolvers.rights import RoleRequirement
from runner.bus import Unanswered
from runner.ssh.host_keys.known_hosts import REVOKED, HostKeyLine, parse_line
from runner.ssh.keys import fingerprint
from runner.ssh.protocol import BadHostKey, ConnectFailed
from runner.ssh.scan_requests import ScanRequest, request_scan

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
# Columns that must not have changed between fetching the keys and pinning them.
SEEN = ("host", "port", "host_keys", "jump_server_id")


class KeyStatus(StrEnum):
    """The status of an offered key for a server. For several servers the highest one counts, in this order."""

    PINNED = "pinned"
    NEW = "new"
    CHANGED = "changed"
    """Another key of its type is pinned."""
    REVOKED = "revoked"

    @property
    def rank(self) -> int:
        return list(KeyStatus).index(self)


@dataclass(frozen=True, slots=True)
class OfferedKey:
    """An offered host key. `line` is "TYPE BASE64", as `host_keys` takes it."""

    line: str
    status: KeyStatus

    @property
    def type(self) -> str:
        return self.line.split()[0]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.line)


@audit.record_refusals_of("host_keys.scan", ObjectKind.SERVER)
async def scan(ctx: Context, target: ScanRequest) -> list[OfferedKey]:
    """Return the host keys offered at an address.

    Allowed for users whose own role is admin, and for users who are granted admin on a server at this address.
    """
    right = await rights.require_role(ctx, Role.ADMIN)
    host, port = host_names.check_host(target.host), validation.check_between("port", target.port, 1, 65_535)
    allowed = set(pins.check_legacy_algorithms(target.legacy))
    jump_id = jumps.check_jump(target.jump_server_id)
    if jump_id is not None:
        await jumps.require_jump(ctx, right, jump_id)
    servers = await ctx.service.store.read(_list_manageable_servers, right, host, port, jump_id)
    if not servers and not right.holds_everywhere:
        raise Forbidden.role(Role.ADMIN, right.viewer.role)
    legacy = sorted(allowed.union(*(server.legacy_algorithms for server in servers)))
    request = ScanRequest(host=host, port=port, legacy=tuple(legacy), jump_server_id=jump_id)
    lines = await fetch_keys(ctx, request, servers[0].id if len(servers) == 1 else None)
    return compare_keys(lines, [server.host_keys for server in servers])


async def accept(ctx: Context, server: Server, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with `host_keys` in place of `accept_fingerprints`, from the keys that are offered now."""
    if "host_keys" in values:
        raise Invalid("accept_fingerprints", "goes without hostKeys.", "不能与 hostKeys 同时提供。")
    changed = dict(values)
    accepted = changed.pop("accept_fingerprints")
    legacy = tuple(changed.get("legacy_algorithms", server.legacy_algorithms))
    host, port = changed.get("host", server.host), changed.get("port", server.port)
    jump_id = changed.get("jump_server_id", server.jump_server_id)
    request = ScanRequest(host=host, port=port, legacy=legacy, jump_server_id=jump_id)
    offered = await fetch_keys(ctx, request, server.id, "accept_fingerprints")
    return changed | {"host_keys": _replace_pins(server.host_keys, offered, accepted)}


async def fetch_keys(ctx: Context, request: ScanRequest, server_id: int | None, field: str = "host") -> list[str]:
    """Return the lines of the host keys that are offered now. The audit event precedes the connection."""
    ctx.service.rates.check_scan(ctx.require_viewer().user_id)
    address: dict[str, Any] = {"host": request.host, "port": request.port}
    if request.jump_server_id is not None:
        address["jump_server_id"] = request.jump_server_id
    behind_jump = request.jump_server_id is not None
    await reachable.check(ctx.service.network_policy, address, behind_jump=behind_jump)
    change = AuditedChange(AuditKind.SERVER_KEYS_SCANNED, ObjectKind.SERVER, server_id, after=address)
    await ctx.service.store.run(audit.record, audit.build_actor(ctx), change)
    try:
        return await request_scan(ctx.service.bus, request)
    except ConnectFailed as error:
        detail = str(await jumps.hide_names(ctx, error.detail))
        raise Unreachable(detail, f"无法获取主机密钥：{detail}", field=(field,)) from None
    except Unanswered as error:
        raise build_no_runner_error(error) from None


def _list_manageable_servers(
    conn: Connection, right: RoleRequirement, host: str, port: int, jump_id: int | None
) -> list[Server]:
    """Return the servers at this address, seen from that jump server, on which the viewer has the required role."""
    found = table.by_address(conn, host, port, jump_id)
    if right.holds_everywhere:
        return found
    roles = rights.load_roles(conn, right.viewer, [server.id for server in found])
    return [server for server, role in zip(found, roles, strict=True) if role.rank >= right.role.rank]


def compare_keys(offered: Sequence[str], servers: Sequence[Sequence[str]]) -> list[OfferedKey]:
    """Return each offered key with its status for servers that have these lines pinned."""
    return [OfferedKey(line, _find_worst_status(line, servers)) for line in offered]


def _find_worst_status(line: str, servers: Sequence[Sequence[str]]) -> KeyStatus:
    found = [_decide_status(line, pinned) for pinned in servers]
    return max(found, key=lambda status: status.rank, default=KeyStatus.NEW)


def _decide_status(line: str, pinned: Sequence[str]) -> KeyStatus:
    own, known = fingerprint(line), _parse_readable_lines(pinned)
    if own in {fingerprint(each.key) for each in known if each.marker == REVOKED}:
        return KeyStatus.REVOKED
    plain = [each.key for each in known if not each.marker]
    if own in map(fingerprint, plain):
        return KeyStatus.PINNED
    return KeyStatus.CHANGED if line.split()[0] in {key.split()[0] for key in plain} else KeyStatus.NEW


def _parse_readable_lines(pinned: Sequence[str]) -> list[HostKeyLine]:
    """Parse the lines and skip those that cannot be read: they pin nothing, and a run on that server reports them."""
    found = []
    for text in pinned:
        try:
            line = parse_line(text)
        except BadHostKey:
            continue
        if line is not None:
            found.append(line)
    return found


def check_fingerprints(value: Sequence[str]) -> list[str]:
    """Return the accepted fingerprints without repeats; Invalid if one is malformed."""
    found = list(dict.fromkeys(text.strip() for text in value))
    if not 1 <= len(found) <= pins.MOST_KEYS or not all(map(FINGERPRINT.fullmatch, found)):
        raise Invalid(
            "accept_fingerprints",
            "needs 1 to 16 fingerprints as scanHostKeys and ssh-keygen -l show them: SHA256: and 43 characters.",
            "须提供 1 到 16 个指纹，格式与 scanHostKeys 和 ssh-keygen -l 的输出一致：SHA256: 加 43 个字符。",
        )
    return found


def _replace_pins(pinned: Sequence[str], offered: Sequence[str], fingerprints: Sequence[str]) -> list[str]:
    """Return the accepted keys in place of the unmarked pins of every offered type. Pins with a marker stay.

    Conflict if an accepted key is not offered now, or is revoked for this server.
    """
    by_print = {fingerprint(line): line for line in offered}
    if missing := [each for each in fingerprints if each not in by_print]:
        raise _build_not_offered_error(missing, offered)
    accepted = [by_print[each] for each in fingerprints]
    if revoked := [line for line in accepted if _decide_status(line, pinned) is KeyStatus.REVOKED]:
        raise _build_revoked_key_error(revoked)
    types = {line.split()[0] for line in offered}
    return [*accepted, *(line for line in pinned if line.split()[0] not in types)]


def check_unchanged(now: Server, seen: Server) -> None:
    """Raise Conflict if the server's address or pins were changed after its keys were fetched."""
    if any(getattr(now, name) != getattr(seen, name) for name in SEEN):
        raise Conflict(
            "The server's address or host keys were changed while its keys were fetched: scan it again.",
            "获取密钥期间，服务器的地址或主机密钥已被修改：请重新扫描。",
            field=("accept_fingerprints",),
        )


def format_keys(pinned: Sequence[str]) -> list[str]:
    """Return marker, type and fingerprint of each pinned key, for people and the audit log."""
    return [f"{each.marker} {_format_key(each.key)}".strip() for each in _parse_readable_lines(pinned)]


def _format_key(line: str) -> str:
    return f"{line.split()[0]} {fingerprint(line)}"


def _build_not_offered_error(missing: Sequence[str], offered: Sequence[str]) -> Conflict:
    lacking, now = ", ".join(missing), ", ".join(map(_format_key, offered))
    return Conflict(
        f"The server does not offer {lacking} now. It offers {now}. Nothing was pinned: compare these with its own.",
        f"服务器当前未提供 {lacking}，而是提供 {now}。未固定任何密钥：请与服务器自身的密钥核对。",
        field=("accept_fingerprints",),
    )


def _build_revoked_key_error(lines: Sequence[str]) -> Conflict:
    named = ", ".join(map(_format_key, lines))
    return Conflict(
        f"{named} is revoked for this server (@revoked): give the server another key.",
        f"{named} 已对此服务器吊销（@revoked）：请为服务器更换密钥。",
        field=("accept_fingerprints",),
    )


def build_no_runner_error(error: Unanswered) -> Unavailable:
    """Return the error for a request that no runner answered."""
    if error.is_late:
        return Unavailable(
            "The runner had no time for this: try again shortly.", "运行器暂时无法处理此请求，请稍后再试。"
        )
    return Unavailable("No runner is at work: try again shortly.", "当前没有运行器在工作，请稍后再试。")
