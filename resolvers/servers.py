"""Servers: read by those who may see them, changed by admins. A credential is sealed and never shown again.

A user who is granted admin changes only the granted servers: not their tags, which decide who else has rights there.
They change the address only together with a new credential, so that the stored one is not sent elsewhere. Servers are
added and deleted only by users whose own role is admin.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from db import servers as table
from db.models import Server
from db.servers import ServerFilter
from db.start_reads import ServerStanding
from db.values import AuditKind, Mode, ObjectKind, Role
from resolvers import (
    audit,
    audit_records,
    credentials,
    filters,
    host_keys,
    host_names,
    jumps,
    paging,
    pins,
    reachable,
    rights,
    schedules,
    user_names,
    validation,
)
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context, Viewer
from resolvers.errors import Conflict, Forbidden, NotFound
from resolvers.inputs import NewServer, ServerChange, collect_values
from resolvers.paging import Page, PageRequest
from resolvers.rights import RoleRequirement
from runner.secrets.vault import Vault
from runner.ssh.protocol import Credential

LISTING: paging.Listing[Server, ServerFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("id", "name", "created_at")
)
# Fields that a user who is granted admin may change only together with a new credential.
ADDRESS = ("host", "port", "username", "host_keys", "host_key_alias", "legacy_algorithms", "jump_server_id")
RULES = {
    "name": lambda value: validation.check_text("name", value, longest=100),
    "host": host_names.check_host,
    "port": lambda value: validation.check_between("port", value, 1, 65_535),
    "username": user_names.check_username,
    "accept_fingerprints": host_keys.check_fingerprints,
    "host_key_alias": pins.check_alias,
    "legacy_algorithms": pins.check_legacy_algorithms,
    "jump_server_id": jumps.check_jump,
    "tags": validation.check_tags,
    "max_parallel": lambda value: validation.check_between("max_parallel", value, 1, 1000),
    "run_mode": lambda value: validation.check_one_of("run_mode", value, Mode),
    "output_encoding": validation.check_output_encoding,
    "blackouts": schedules.check_blackouts,
}


async def get(ctx: Context, id: int) -> Server:
    found = await ctx.service.store.read(table.by_id, validation.check_id("id", id), ctx.visibility)
    if found is None:
        raise NotFound.for_object("server", id)
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[Server | None]:
    """Return servers in the order of `ids`, including deleted ones, so that the history can show their names."""
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids, ctx.visibility)}
    return [found.get(id) for id in ids]


async def page(ctx: Context, filter: ServerFilter, request: PageRequest) -> Page[Server]:
    return await paging.load_page(ctx.service.store, LISTING, filters.check(ctx, filter), request)


@audit.record_refusals_of("servers.create", ObjectKind.SERVER)
async def create(ctx: Context, new: NewServer) -> Server:
    viewer = ctx.require_role(Role.ADMIN)
    values = validation.apply_rules(collect_values(new), RULES)
    values["host_keys"] = pins.check_host_keys(values)
    await reachable.check(ctx.service.network_policy, values, behind_jump=values["jump_server_id"] is not None)
    credential = await credentials.build_in_thread(values.pop("credential"))
    now = ctx.service.clock()
    values |= {"created_by": viewer.user_id, "created_at": now, "updated_at": now}
    try:
        right = RoleRequirement(viewer, Role.ADMIN)
        insert = partial(_insert, vault=ctx.service.vault, credential=credential, right=right)
        return await ctx.service.store.run(insert, values, audit.build_actor(ctx))
    except IntegrityError as error:
        raise _build_name_taken_error(values["name"]) from error


@audit.record_refusals_of("servers.update", ObjectKind.SERVER)
async def update(ctx: Context, id: int, change: ServerChange) -> Server:
    right = await rights.require_role(ctx, Role.ADMIN)
    await rights.enforce(ctx, right, validation.check_id("id", id), NotFound.for_object("server", id))
    before = await get(ctx, id)
    values = validation.apply_rules(collect_values(change), RULES)
    _check_own_role(right.viewer, values)
    await jumps.require_rights(ctx, right, before, values)
    seen = before if "accept_fingerprints" in values else None
    if seen is not None:
        values = await host_keys.accept(ctx, seen, values)
    if "host_keys" in values:
        address = {name: getattr(before, name) for name in ("host", "port", "host_key_alias")}
        values["host_keys"] = pins.check_host_keys(address | values)
    jump_id = values.get("jump_server_id", before.jump_server_id)
    await reachable.check(ctx.service.network_policy, values, port=before.port, behind_jump=jump_id is not None)
    if "credential" in values:
        values |= credentials.seal(ctx.service.vault, id, await credentials.build_in_thread(values["credential"]))
    values["updated_at"] = ctx.service.clock()
    try:
        found = await ctx.service.store.run(_change_row, id, values, right, audit.build_actor(ctx), seen)
    except IntegrityError as error:
        raise _build_name_taken_error(str(values.get("name"))) from error
    if found is None:
        raise NotFound.for_object("server", id)
    return found


@audit.record_refusals_of("servers.delete", ObjectKind.SERVER)
async def delete(ctx: Context, id: int) -> Server:
    """Mark the server as deleted. Its tasks and history stay; its tasks no longer run."""
    ctx.require_role(Role.ADMIN)
    server = await get(ctx, id)
    if not await ctx.service.store.run(_soft_delete, id, audit.build_actor(ctx)):
        raise NotFound.for_object("server", id)
    return server


def _check_own_role(viewer: Viewer, values: dict[str, Any]) -> None:
    """Raise Forbidden for changes that need the viewer's own role to be admin."""
    if viewer.role is Role.ADMIN:
        return
    if "tags" in values:
        raise Forbidden(
            "Tags say who has rights on a server: only those whose own role is admin change them.",
            "标签决定谁对服务器有权限：只有自身角色为 admin 的用户可以修改。",
        )
    if any(name in values for name in ADDRESS) and "credential" not in values:
        raise Forbidden(
            "Where it connects to is changed together with a new credential, unless your own role is admin.",
            "除非您自身的角色是 admin，否则修改连接地址时必须同时提供新的凭据。",
        )


def build_missing_error(id: int) -> NotFound:
    """Return the error for a server that an input names and that does not exist."""
    found = NotFound.for_object("server", id)
    return NotFound(found.en, found.chinese, field=("server_id",))


def require_server(conn: Connection, id: int, right: RoleRequirement) -> Server:
    """Return the server, if it exists and the viewer has the required role on it."""
    right.enforce(conn, id, build_missing_error(id))
    server = table.by_id(conn, id)
    if server is None:
        raise build_missing_error(id)
    return server


def require_usable_server(conn: Connection, id: int, right: RoleRequirement) -> None:
    refuse_disabled(require_server(conn, id, right))


def refuse_disabled(server: Server | ServerStanding) -> None:
    """Raise Conflict if the server is disabled, or a jump server on the way to it, as far as that was loaded."""
    if not server.enabled:
        raise Conflict(
            f"Server {server.name} is disabled: an admin can enable it.",
            f"服务器 {server.name} 已停用，管理员可重新启用。",
            field=("server_id",),
        )
    if isinstance(server, ServerStanding) and server.cut_off:
        raise Conflict(
            f"A server through which {server.name} is reached is disabled: an admin can enable it.",
            f"到达服务器 {server.name} 所经过的跳板服务器已停用，管理员可重新启用。",
            field=("server_id",),
        )


def _insert(
    conn: Connection,
    values: dict[str, Any],
    actor: Actor,
    *,
    vault: Vault,
    credential: Credential,
    right: RoleRequirement,
) -> Server:
    """Insert the row, then its credential: the sealed credential is bound to the row's id."""
    jumps.check_chain(conn, None, values, right)
    row = table.insert(conn, values | {"credential": b"", "credential_kind": credential.kind})
    table.update(conn, row.id, credentials.seal(vault, row.id, credential))
    audit.record(
        conn,
        actor,
        AuditedChange(AuditKind.SERVER_CREATED, ObjectKind.SERVER, row.id, after=audit_records.describe_server(row)),
    )
    return row


def _change_row(
    conn: Connection, id: int, values: dict[str, Any], right: RoleRequirement, actor: Actor, seen: Server | None = None
) -> Server | None:
    """Change the server and return it; None if it does not exist.

    `seen`: the server as it was when the keys to accept were fetched; Conflict if it has changed since.
    """
    right.enforce(conn, id, NotFound.for_object("server", id))
    jumps.check_chain(conn, id, values, right)
    before = table.lock_by_id(conn, id)
    if before is not None:
        jumps.enforce_rights(conn, right, before, values)
    if before is not None and seen is not None:
        host_keys.check_unchanged(before, seen)
    table.update(conn, id, values)
    after = table.by_id(conn, id)
    if before is None or after is None:
        return None
    old, new = audit_records.diff_columns(before, after, audit_records.SERVER)
    if seen is not None:
        old["fingerprints"], new["fingerprints"] = (
            host_keys.format_keys(before.host_keys),
            host_keys.format_keys(after.host_keys),
        )
    audit.record(conn, actor, AuditedChange(AuditKind.SERVER_UPDATED, ObjectKind.SERVER, id, old, new))
    return after


def _soft_delete(conn: Connection, id: int, actor: Actor) -> bool:
    """Mark the server as deleted. Return False if it does not exist."""
    jumps.refuse_if_jumped_through(conn, id)
    before = table.lock_by_id(conn, id)
    if before is None:
        return False
    table.delete(conn, id, actor.at)
    audit.record(
        conn,
        actor,
        AuditedChange(AuditKind.SERVER_DELETED, ObjectKind.SERVER, id, audit_records.describe_server(before)),
    )
    return True


def _build_name_taken_error(name: str) -> Conflict:
    return Conflict(
        f"There is a server named {name} already: choose another name.",
        f"已有名为 {name} 的服务器，请换一个名称。",
        field=("name",),
    )
