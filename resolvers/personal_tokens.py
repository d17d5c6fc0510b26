"""Personal access tokens, with which programs sign in as a user, with at most the user's rights."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from db import personal_tokens as table
from db import users
from db.access_models import PersonalToken
from db.values import AuditKind, ObjectKind, Role, TokenScope
from resolvers import audit, validation
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context, Service, Viewer
from resolvers.errors import Conflict, Forbidden, NotFound, Unauthenticated
from runner.bus import user_address

PREFIX = "sshcast_"
RANDOM_BYTES = 32
LONGEST_DAYS = 366
MOST = 50


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token. `token` is shown only once and is not stored."""

    row: PersonalToken
    token: str = field(repr=False)


@audit.record_refusals_of("personal_tokens.create", ObjectKind.USER)
async def create(ctx: Context, name: str, scope: str, days: int) -> CreatedToken:
    viewer = ctx.require_viewer()
    if viewer.token_id or viewer.vouched:
        raise Forbidden(
            "A personal access token makes no other, nor does one of the identity provider: sign in yourself.",
            "个人访问令牌和身份提供方的令牌不能创建其他令牌，请先登录。",
        )
    token, now = PREFIX + secrets.token_urlsafe(RANDOM_BYTES), ctx.service.clock()
    values = {
        "user_id": viewer.user_id,
        "name": validation.check_text("name", name, longest=100),
        "hash": _hash_token(token),
        "scope": TokenScope(validation.check_one_of("scope", scope, TokenScope)),
        "created_at": now,
        "expires_at": now + timedelta(days=validation.check_between("expires_in_days", days, 1, LONGEST_DAYS)),
    }
    return CreatedToken(await ctx.service.store.run(_insert, values, audit.build_actor(ctx)), token)


async def list_own(ctx: Context) -> list[PersonalToken]:
    """Return the viewer's tokens, the newest first; at most 50."""
    return await ctx.service.store.read(table.by_user, ctx.require_viewer().user_id)


async def get(ctx: Context, id: int) -> PersonalToken:
    """Return a token of the viewer."""
    found = await ctx.service.store.read(table.by_id, id, ctx.require_viewer().user_id)
    if found is None:
        raise NotFound()
    return found


async def revoke(ctx: Context, id: int) -> PersonalToken:
    """Revoke a token of the viewer. It takes effect at once, also for open streams."""
    viewer = ctx.require_viewer()
    found = await ctx.service.store.run(
        _write_revocation, validation.check_id("id", id), viewer.user_id, audit.build_actor(ctx)
    )
    if found is None:
        raise NotFound("You have no such token.", "您没有此令牌。")
    ctx.service.bus.hint(user_address(viewer.user_id))
    return found


async def load_viewer(service: Service, token: str) -> Viewer:
    """Return the viewer of a token; Unauthenticated if it is not valid."""
    found = await service.store.read_fact(table.find_holder, _hash_token(token))
    if found is None or service.clock() >= found.expires_at:
        raise Unauthenticated()
    most = found.scope.role
    return Viewer(
        found.user_id,
        found.user_name,
        min(found.user_role, most, key=lambda each: each.rank),
        found.expires_at,
        found.token_version,
        token_id=found.token_id,
        ceiling=most,
    )


def _insert(conn: Connection, values: dict[str, Any], actor: Actor) -> PersonalToken:
    if table.count(conn, values["user_id"]) >= MOST:
        raise Conflict(f"You have {MOST} tokens already: revoke one first.", f"您已有 {MOST} 个令牌，请先撤销一个。")
    row = table.insert(conn, values)
    audit.record(
        conn, actor, AuditedChange(AuditKind.TOKEN_CREATED, ObjectKind.USER, row.user_id, after=_describe_token(row))
    )
    return row


def _write_revocation(conn: Connection, id: int, user_id: int, actor: Actor) -> PersonalToken | None:
    row = table.by_id(conn, id, user_id)
    if row is None or not table.revoke(conn, id, user_id, actor.at):
        return None
    audit.record(
        conn, actor, AuditedChange(AuditKind.TOKEN_REVOKED, ObjectKind.USER, user_id, before=_describe_token(row))
    )
    return row


def _describe_token(row: PersonalToken) -> dict[str, Any]:
    """Return what the audit log records of a token."""
    return {"token_id": row.id, "name": row.name, "scope": row.scope, "expires_at": row.expires_at}


def is_token_valid(conn: Connection, viewer: Viewer) -> bool:
    """Return whether the token is not revoked, and its user neither disabled nor given a lower role since."""
    user = users.by_id(conn, viewer.user_id)
    if user is None or user.disabled or Role(user.role).rank < viewer.role.rank:
        return False
    return table.by_id(conn, viewer.token_id, user.id) is not None


def _hash_token(token: str) -> str:
    """Return the stored hash. A token of 256 random bits needs no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
