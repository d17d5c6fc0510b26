"""Grants: a user's role on one server, or on every server with a tag. Changed by users whose own role is admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db import grants as table
from db import servers, users
from db.access_models import Grant
from db.grants import GrantTarget
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, validation
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context, Service
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.users import build_local_actor
from runner.bus import user_address

MOST = 1000
GRANTABLE = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """A validated request to grant a role to a user."""

    user_id: int
    target: GrantTarget
    role: Role


def _build_grant_request(user_id: int, server_id: int | None, tag: str | None, role: str) -> GrantRequest:
    return GrantRequest(
        validation.check_id("user_id", user_id),
        _build_target(server_id, tag),
        Role(validation.check_one_of("role", role, GRANTABLE)),
    )


def _build_target(server_id: int | None, tag: str | None) -> GrantTarget:
    """Return the target; Invalid unless exactly one of server and tag is given."""
    if (server_id is None) == (tag is None):
        raise Invalid("server_id", "or tag must be given, and not both.", "与 tag 必须且只能提供一个。")
    if tag is not None:
        return GrantTarget(tag=validation.check_tag("tag", tag))
    return GrantTarget(server_id=validation.check_id("server_id", server_id or 0))


@audit.record_refusals_of("grants.give", ObjectKind.USER, lambda user_id, *rest: user_id)
async def give(ctx: Context, user_id: int, server_id: int | None, tag: str | None, role: str) -> Grant:
    """Grant the user a role on the server or tag. It replaces the role that they were granted there before."""
    ctx.require_role(Role.ADMIN)
    found = await ctx.service.store.run(
        _write_grant, _build_grant_request(user_id, server_id, tag, role), audit.build_actor(ctx)
    )
    ctx.service.bus.hint(user_address(user_id))
    return found


@audit.record_refusals_of("grants.revoke", ObjectKind.USER, lambda id: None)
async def revoke(ctx: Context, id: int) -> Grant:
    """Delete a grant. It takes effect at once, also for open streams."""
    ctx.require_role(Role.ADMIN)
    found = await ctx.service.store.run(_delete_grant, validation.check_id("id", id), audit.build_actor(ctx))
    if found is None:
        raise NotFound("There is no such grant.", "没有此授权。")
    ctx.service.bus.hint(user_address(found.user_id))
    return found


async def give_locally(service: Service, user_id: int, server_id: int | None, tag: str | None, role: str) -> None:
    """Grant a role like `give`, for commands on the machine itself, which have no viewer."""
    await service.store.run(
        _write_grant, _build_grant_request(user_id, server_id, tag, role), build_local_actor(service)
    )
    service.bus.hint(user_address(user_id))


async def revoke_locally(service: Service, user_id: int, server_id: int | None, tag: str | None) -> bool:
    """Delete a grant like `revoke`, for commands on the machine itself. Return whether there was one."""
    found = await service.store.run(
        _delete_grant_at, user_id, _build_target(server_id, tag), build_local_actor(service)
    )
    service.bus.hint(user_address(user_id))
    return found


async def get(ctx: Context, id: int) -> Grant:
    """Return a grant that the viewer may see: their own, or any for admins."""
    viewer = ctx.require_viewer()
    found = await ctx.service.store.read(table.by_id, id)
    if found is None or (viewer.role is not Role.ADMIN and found.user_id != viewer.user_id):
        raise NotFound()
    return found


async def list_by_users(ctx: Context, user_ids: Sequence[int]) -> list[list[Grant] | None]:
    """Return each user's grants, the oldest first. None for a user whose grants the viewer may not see.

    Admins see everybody's grants, others only their own.
    """
    viewer = ctx.require_viewer()
    visible = [id for id in user_ids if viewer.role is Role.ADMIN or id == viewer.user_id]
    found: dict[int, list[Grant]] = await ctx.service.store.read(table.by_users, visible) if visible else {}
    return [found.get(id) for id in user_ids]


def _write_grant(conn: Connection, request: GrantRequest, actor: Actor) -> Grant:
    """Insert or change the grant and return it. NotFound if the user or the server does not exist."""
    _require_user_and_server(conn, request)
    before = table.lock_by_target(conn, request.user_id, request.target)
    values = {"role": request.role, "created_by": actor.actor_id, "created_at": actor.at}
    if before is not None:
        table.change(conn, before.id, values)
    elif table.count(conn, request.user_id) >= MOST:
        raise Conflict(f"This user has {MOST} grants already: grant a tag instead.", f"此用户已有 {MOST} 个授权。")
    else:
        where = {"user_id": request.user_id, "server_id": request.target.server_id, "tag": request.target.tag}
        table.insert(conn, values | where)
    after = table.lock_by_target(conn, request.user_id, request.target)
    if after is None:
        raise LookupError("a grant that was just written is not there")
    _record_grant_change(conn, actor, AuditKind.GRANT_GIVEN, before, after)
    return after


def _require_user_and_server(conn: Connection, request: GrantRequest) -> None:
    if users.by_id(conn, request.user_id) is None:
        absent = NotFound.for_object("user", request.user_id)
        raise NotFound(absent.en, absent.chinese, field=("user_id",))
    id = request.target.server_id
    if id is not None and servers.by_id(conn, id) is None:
        absent = NotFound.for_object("server", id)
        raise NotFound(absent.en, absent.chinese, field=("server_id",))


def _delete_grant(conn: Connection, id: int, actor: Actor) -> Grant | None:
    """Delete the grant. Return it as it was; None if it does not exist."""
    before = table.by_id(conn, id)
    if before is None or not table.remove(conn, id):
        return None
    _record_grant_change(conn, actor, AuditKind.GRANT_REVOKED, before, None)
    return before


def _delete_grant_at(conn: Connection, user_id: int, target: GrantTarget, actor: Actor) -> bool:
    found = table.lock_by_target(conn, user_id, target)
    return found is not None and _delete_grant(conn, found.id, actor) is not None


def _record_grant_change(
    conn: Connection, actor: Actor, kind: AuditKind, before: Grant | None, after: Grant | None
) -> None:
    row = after or before
    if row is not None:
        audit.record(
            conn,
            actor,
            AuditedChange(kind, ObjectKind.USER, row.user_id, _describe_grant(before), _describe_grant(after)),
        )


def _describe_grant(row: Grant | None) -> dict[str, Any] | None:
    """Return what the audit log records of a grant."""
    if row is None:
        return None
    there = {"server_id": row.server_id} if row.server_id is not None else {"tag": row.tag}
    return {"grant_id": row.id, **there, "role": row.role}
