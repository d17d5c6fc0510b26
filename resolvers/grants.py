"""Grants: a role of a user on one server, or on every server with a tag. Given and taken by whose own role is admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db import grants as table
from db import servers, users
from db.access_models import Grant
from db.grants import Place
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, rules
from resolvers.audit import Act, Deed
from resolvers.context import Context, Service
from resolvers.errors import Conflict, Invalid, NotFound
from resolvers.users import on_the_machine
from runner.bus import user_address

MOST = 1000
GRANTABLE = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A role for a user at a place, checked."""

    user_id: int
    place: Place
    role: Role


def wanted(user_id: int, server_id: int | None, tag: str | None, role: str) -> Wanted:
    return Wanted(
        rules.identifier("user_id", user_id), place(server_id, tag), Role(rules.one_of("role", role, GRANTABLE))
    )


def place(server_id: int | None, tag: str | None) -> Place:
    """On a server or on a tag; Invalid if it is both or neither."""
    if (server_id is None) == (tag is None):
        raise Invalid("server_id", "or tag must be given, and not both.", "与 tag 必须且只能提供一个。")
    if tag is not None:
        return Place(tag=rules.tag("tag", tag))
    return Place(server_id=rules.identifier("server_id", server_id or 0))


@audit.refusals_of("grants.give", ObjectKind.USER, lambda user_id, *rest: user_id)
async def give(ctx: Context, user_id: int, server_id: int | None, tag: str | None, role: str) -> Grant:
    """The user has that role there from now on, instead of the one that they were granted there before."""
    ctx.need(Role.ADMIN)
    found = await ctx.service.store.run(put, wanted(user_id, server_id, tag, role), audit.act(ctx))
    ctx.service.bus.hint(user_address(user_id))
    return found


@audit.refusals_of("grants.revoke", ObjectKind.USER, lambda id: None)
async def revoke(ctx: Context, id: int) -> Grant:
    """It holds no more, for what is open too."""
    ctx.need(Role.ADMIN)
    found = await ctx.service.store.run(take, rules.identifier("id", id), audit.act(ctx))
    if found is None:
        raise NotFound("There is no such grant.", "没有此授权。")
    ctx.service.bus.hint(user_address(found.user_id))
    return found


async def give_on_the_machine(
    service: Service, user_id: int, server_id: int | None, tag: str | None, role: str
) -> None:
    """As `give`, for the machine's own commands, which need no viewer; the next as `revoke`."""
    await service.store.run(put, wanted(user_id, server_id, tag, role), on_the_machine(service))
    service.bus.hint(user_address(user_id))


async def revoke_on_the_machine(service: Service, user_id: int, server_id: int | None, tag: str | None) -> bool:
    """Whether the user had a grant there."""
    found = await service.store.run(take_at, user_id, place(server_id, tag), on_the_machine(service))
    service.bus.hint(user_address(user_id))
    return found


async def of_users(ctx: Context, user_ids: Sequence[int]) -> list[list[Grant] | None]:
    """Each user's grants, the oldest first: everybody's for admins, of others only one's own. None: not to be told."""
    viewer = ctx.signed_in()
    told = [id for id in user_ids if viewer.role is Role.ADMIN or id == viewer.user_id]
    found: dict[int, list[Grant]] = await ctx.service.store.read(table.of_users, told) if told else {}
    return [found.get(id) for id in user_ids]


def put(conn: Connection, wanted: Wanted, act: Act) -> Grant:
    """The grant as it is now; NotFound names what is not there."""
    check_there(conn, wanted)
    before = table.at(conn, wanted.user_id, wanted.place)
    values = {"role": wanted.role, "created_by": act.actor_id, "created_at": act.at}
    if before is not None:
        table.change(conn, before.id, values)
    elif table.count(conn, wanted.user_id) >= MOST:
        raise Conflict(f"This user has {MOST} grants already: grant a tag instead.", f"此用户已有 {MOST} 个授权。")
    else:
        where = {"user_id": wanted.user_id, "server_id": wanted.place.server_id, "tag": wanted.place.tag}
        table.insert(conn, values | where)
    after = table.at(conn, wanted.user_id, wanted.place)
    if after is None:
        raise LookupError("a grant that was just written is not there")
    record(conn, act, AuditKind.GRANT_GIVEN, before, after)
    return after


def check_there(conn: Connection, wanted: Wanted) -> None:
    if users.by_id(conn, wanted.user_id) is None:
        absent = NotFound.named("user", wanted.user_id)
        raise NotFound(absent.en, absent.chinese, field=("user_id",))
    id = wanted.place.server_id
    if id is not None and servers.by_id(conn, id) is None:
        absent = NotFound.named("server", id)
        raise NotFound(absent.en, absent.chinese, field=("server_id",))


def take(conn: Connection, id: int, act: Act) -> Grant | None:
    """The grant as it was."""
    before = table.by_id(conn, id)
    if before is None or not table.remove(conn, id):
        return None
    record(conn, act, AuditKind.GRANT_REVOKED, before, None)
    return before


def take_at(conn: Connection, user_id: int, place: Place, act: Act) -> bool:
    found = table.at(conn, user_id, place)
    return found is not None and take(conn, found.id, act) is not None


def record(conn: Connection, act: Act, kind: AuditKind, before: Grant | None, after: Grant | None) -> None:
    row = after or before
    if row is not None:
        audit.record(conn, act, Deed(kind, ObjectKind.USER, row.user_id, told(before), told(after)))


def told(row: Grant | None) -> dict[str, Any] | None:
    """What the audit keeps of it."""
    if row is None:
        return None
    there = {"server_id": row.server_id} if row.server_id is not None else {"tag": row.tag}
    return {"grant_id": row.id, **there, "role": row.role}
