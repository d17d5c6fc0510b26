"""Users: managed by users whose own role is admin, and by commands on the machine. They are never deleted."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from db import users as table
from db.models import User
from db.users import UserFilter
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, audit_records, paging, validation
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context, Service
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.paging import Page, PageRequest
from resolvers.sessions import end_user_sessions
from runner.bus import user_address

LISTING: paging.Listing[User, UserFilter] = paging.Listing(
    page=table.page, count=table.count_matching, orders=("id", "name")
)
NAME = re.compile(r"[\w.@-]{1,64}\Z")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1024
# The address recorded for changes that are made on the machine itself.
MACHINE = "machine"


async def me(ctx: Context) -> User:
    viewer = ctx.require_viewer()
    found = await ctx.service.store.read(table.by_id, viewer.user_id)
    if found is None:
        raise NotFound.for_object("user", viewer.user_id)
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[User | None]:
    """Return users in the order of `ids`."""
    ctx.require_viewer()
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids)}
    return [found.get(id) for id in ids]


async def page(ctx: Context, filter: UserFilter, request: PageRequest) -> Page[User]:
    """Return a page of users, for admins. Others see only the users who created the objects that they see."""
    async with audit.record_refusals(ctx, "users.page"):
        ctx.require_role(Role.ADMIN)
    return await paging.load_page(ctx.service.store, LISTING, filter, request)


async def get(ctx: Context, id: int) -> User:
    async with audit.record_refusals(ctx, "users.get", ObjectKind.USER, id):
        ctx.require_role(Role.ADMIN)
    found = await ctx.service.store.read(table.by_id, validation.check_id("id", id))
    if found is None:
        raise NotFound.for_object("user", id)
    return found


async def get_visible(ctx: Context, id: int) -> User:
    """Return the viewer, or for admins any user."""
    return await (me(ctx) if id == ctx.require_viewer().user_id else get(ctx, id))


@audit.record_refusals_of("users.create", ObjectKind.USER, lambda *args: None)
async def create(ctx: Context, name: str, role: str, password: str) -> User:
    ctx.require_role(Role.ADMIN)
    return await _create_user(ctx.service, name, role, password, audit.build_actor(ctx))


@audit.record_refusals_of("users.update", ObjectKind.USER)
async def update(
    ctx: Context, id: int, *, role: str | None = None, disabled: bool | None = None, password: str | None = None
) -> User:
    """Change the given fields, and end every session of the user."""
    ctx.require_role(Role.ADMIN)
    validation.check_id("id", id)
    values = _build_values(role, disabled)
    if password is not None:
        values["password_hash"] = await ctx.service.passwords.hash(check_password(password))
    return _announce_change(
        ctx.service, id, await ctx.service.store.run(_change_row, id, values, audit.build_actor(ctx))
    )


async def add(service: Service, *, name: str, role: str, password: str) -> User:
    """Add a user. For commands on the machine itself, which have no viewer."""
    return await _create_user(service, name, role, password, build_local_actor(service))


async def _create_user(service: Service, name: str, role: str, password: str, actor: Actor) -> User:
    if not NAME.match(name):
        raise Invalid("name", "must be 1 to 64 letters, digits or . @ - _", "须为 1 到 64 个字母、数字或 . @ - _")
    kind = Role(validation.check_one_of("role", role, Role))
    phc = await service.passwords.hash(check_password(password))
    try:
        return await service.store.run(insert, name, phc, kind, actor)
    except IntegrityError as error:
        raise Conflict(f"There is a user {name} already.", f"已有用户 {name}。", field=("name",)) from error


async def set_password(service: Service, user_id: int, password: str) -> User:
    """Set a new password and end every session of the user. For commands on the machine itself."""
    phc = await service.passwords.hash(check_password(password))
    found = await service.store.run(_change_row, user_id, {"password_hash": phc}, build_local_actor(service))
    return _announce_change(service, user_id, found)


async def change(service: Service, user_id: int, *, role: str | None = None, disabled: bool | None = None) -> User:
    """Change the role or disable the user, and end every session of the user. For commands on the machine itself."""
    found = await service.store.run(_change_row, user_id, _build_values(role, disabled), build_local_actor(service))
    return _announce_change(service, user_id, found)


def _build_values(role: str | None, disabled: bool | None) -> dict[str, Any]:
    values: dict[str, Any] = {} if disabled is None else {"disabled": disabled}
    if role is not None:
        values["role"] = Role(validation.check_one_of("role", role, Role))
    return values


def _announce_change(service: Service, user_id: int, found: User | None) -> User:
    """Make open streams of the user check at once whether they may continue. NotFound without a user."""
    if found is None:
        raise NotFound.for_object("user", user_id)
    service.bus.hint(user_address(user_id))
    return found


def _change_row(conn: Connection, user_id: int, values: dict[str, Any], actor: Actor) -> User | None:
    admins = table.lock_admins(conn)
    before = table.by_id(conn, user_id)
    if before is None:
        return None
    table.update(conn, user_id, values | {"updated_at": actor.at})
    after = table.by_id(conn, user_id)
    if admins == [user_id] and (after is None or after.role != Role.ADMIN or after.disabled):
        raise Conflict(
            f"{before.name} is the last admin who is enabled: make another user admin first.",
            f"{before.name} 是最后一个可用的管理员，请先将另一位用户设为管理员。",
            field=("role",) if "role" in values else ("disabled",),
        )
    end_user_sessions(conn, user_id, actor.at)
    if "password_hash" in values:
        audit.record(conn, actor, AuditedChange(AuditKind.PASSWORD_CHANGED, ObjectKind.USER, user_id))
    if values.keys() & set(audit_records.USER):
        old, new = audit_records.diff_columns(before, after, audit_records.USER)
        audit.record(conn, actor, AuditedChange(AuditKind.USER_UPDATED, ObjectKind.USER, user_id, old, new))
    return after


def build_local_actor(service: Service) -> Actor:
    """Return the actor for a command on the machine itself, which needs no user of sshcast."""
    return Actor(service.clock(), address=MACHINE, os_user=service.os_user)


def insert(conn: Connection, name: str, phc: str, role: Role, actor: Actor) -> User:
    row = table.insert(conn, name=name, password_hash=phc, role=role, at=actor.at)
    audit.record(
        conn,
        actor,
        AuditedChange(AuditKind.USER_ADDED, ObjectKind.USER, row.id, after=audit_records.describe_user(row)),
    )
    return row


def check_password(password: str) -> str:
    validation.check_encodable("password", password)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid("password", "must be 8 to 1024 characters.", "长度须为 8 到 1024 个字符。")
    return password
