"""Jump servers: who may set one for a server, how long a chain may be, and who may read which of them failed."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from db import jumps as table
from db import servers
from db.jumps import MOST_HOPS
from db.models import Server
from db.visibility import VisibilityScope
from resolvers import rights, validation
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.rights import RoleRequirement

FIELD = "jump_server_id"
NAMES_SHOWN = 3
NAMED = re.compile(r"Jump server (\d{1,19}) \(")
HIDDEN = (
    "A jump server on the way to the server failed, and you may not see which: ask an admin, who can read the rest."
)


def check_jump(value: int | None) -> int | None:
    return value if value is None else validation.check_id(FIELD, value)


async def require_rights(ctx: Context, right: RoleRequirement, before: Server, values: Mapping[str, Any]) -> None:
    """Check the role on jump servers that a change touches before it starts; its transaction checks again."""
    for jump_id, missing in _list_touched(before, values):
        await rights.enforce(ctx, right, jump_id, missing)
        await _require_jump(ctx, jump_id, missing)


async def require_jump(ctx: Context, right: RoleRequirement, jump_id: int) -> None:
    """Check that the server exists and the viewer has the role on it, before something goes through it."""
    missing = _build_missing_error(jump_id)
    await rights.enforce(ctx, right, jump_id, missing)
    await _require_jump(ctx, jump_id, missing)


async def _require_jump(ctx: Context, jump_id: int, missing: NotFound) -> None:
    if await ctx.service.store.read(servers.by_id, jump_id) is None:
        raise missing


def enforce_rights(conn: Connection, right: RoleRequirement, before: Server, values: Mapping[str, Any]) -> None:
    for jump_id, missing in _list_touched(before, values):
        right.enforce(conn, jump_id, missing)


def _list_touched(before: Server, values: Mapping[str, Any]) -> list[tuple[int, NotFound]]:
    """Return the jump server that a change sets, or through which it reaches another address; with the error."""
    if FIELD in values:
        return [] if values[FIELD] is None else [(values[FIELD], _build_missing_error(values[FIELD]))]
    moved = next((name for name in ("host", "port") if name in values), None)
    if moved is None or before.jump_server_id is None:
        return []
    error = NotFound(
        "The server is reached through one that you may not see: ask an admin of both to change its address.",
        "此服务器须通过您无权查看的服务器到达：请让两台服务器的管理员修改其地址。",
        field=(moved,),
    )
    return [(before.jump_server_id, error)]


def _build_missing_error(jump_id: int) -> NotFound:
    return NotFound.for_object("server", jump_id).with_field(FIELD)


def check_chain(conn: Connection, server_id: int | None, values: Mapping[str, Any], right: RoleRequirement) -> None:
    """Check the jump server in `values`, if there is one, for a server (None: a new one).

    Until the transaction ends no other one changes a chain. Raises Invalid, Forbidden, or NotFound.
    """
    jump_id = values.get(FIELD)
    if jump_id is None:
        return
    table.lock_chains(conn)
    missing = _build_missing_error(jump_id)
    right.enforce(conn, jump_id, missing)
    if servers.by_id(conn, jump_id) is None:
        raise missing
    chain = [row.id for row in table.load_chain(conn, jump_id)]
    if server_id in chain:
        raise Invalid(
            FIELD,
            "is reached through this server itself: choose a server that is reached without it.",
            "须通过此服务器自身才能到达：请选择不经过它即可到达的服务器。",
        )
    behind = 0 if server_id is None else table.measure_behind(conn, server_id)
    if len(chain) + behind > MOST_HOPS:
        raise Invalid(
            FIELD,
            f"would make a chain of more than {MOST_HOPS} jump servers: choose one that is nearer.",
            f"会使跳板服务器链超过 {MOST_HOPS} 台：请选择更近的服务器。",
        )


def refuse_if_jumped_through(conn: Connection, server_id: int) -> None:
    """Raise Conflict if others are reached through this server. No other transaction adds one until this one ends."""
    table.lock_chains(conn)
    names = table.list_behind(conn, server_id, NAMES_SHOWN + 1)
    if not names:
        return
    shown = ", ".join(names[:NAMES_SHOWN])
    more, chinese_more = (" and others", " 等") if len(names) > NAMES_SHOWN else ("", "")
    raise Conflict(
        f"Servers are reached through this one: {shown}{more}. Change their jumpServerId before you delete it.",
        f"有服务器须通过此服务器到达：{shown}{chinese_more}。删除前请先修改它们的 jumpServerId。",
        field=("id",),
    )


async def hide_names(ctx: Context, message: str | None) -> str | None:
    """Return a run's message; without what it says of jump servers, if the viewer may not see one of them."""
    if message is None or not may_hide(ctx, message):
        return message
    return await ctx.service.store.read(_hide_unseen, message, ctx.visibility)


def may_hide(ctx: Context, message: str | None) -> bool:
    """Return whether a message may name a jump server that the viewer may not see."""
    return message is not None and not ctx.visibility.is_unrestricted and NAMED.search(message) is not None


def _hide_unseen(conn: Connection, message: str, visibility: VisibilityScope) -> str:
    named = {int(id) for id in NAMED.findall(message)}
    if len(servers.by_ids(conn, sorted(named), visibility)) == len(named):
        return message
    return message[: message.index("Jump server ")] + HIDDEN
