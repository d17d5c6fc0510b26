"""The audit: who did what, from where and when, and what they were refused. Read by admins."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from db import audit as table
from db.audit import START, AuditFilter, Entry
from db.audit_models import AuditEvent
from db.values import AuditKind, ObjectKind, Role
from resolvers import paging
from resolvers.context import Context, Service
from resolvers.errors import CommandRefused, Forbidden
from resolvers.paging import Page, PageRequest
from resolvers.validation import MAX_ID

LISTING: paging.Listing[AuditEvent, AuditFilter] = paging.Listing(page=table.page, count=table.count, orders=("id",))
POLL_SECONDS = 1.0
BATCH = 500
LONGEST_ACTION = 200

Resolver = TypeVar("Resolver", bound=Callable[..., Coroutine[Any, Any, Any]])


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, from where and when. Without an actor: a command on the machine itself, or a stranger.

    `os_user`: for a command on the machine: the user of the operating system who gave it.
    """

    at: datetime
    actor_id: int | None = None
    actor: str | None = None
    address: str = ""
    os_user: str | None = None

    def with_os_user(self, after: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        return after if self.os_user is None else {**(after or {}), "os_user": self.os_user}


@dataclass(frozen=True, slots=True)
class AuditedChange:
    """What is done to which object, with what was before and what is after. No secrets."""

    kind: AuditKind
    object_kind: ObjectKind
    object_id: int | None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChainProgress:
    """How far the chain was looked at: the last event's id and hash, and the first id that does not fit, if any.

    `met`: the wanted hash is among them.
    """

    id: int = 0
    hash: str = START
    broken: int | None = None
    met: bool = False


def build_actor(ctx: Context) -> Actor:
    """What the viewer does now."""
    viewer, now = ctx.viewer, ctx.service.clock()
    if viewer is None:
        return Actor(now, address=ctx.address)
    return Actor(now, viewer.user_id, viewer.name, ctx.address, ctx.os_user)


def record(conn: Connection, actor: Actor, change: AuditedChange) -> None:
    """Write it into the audit, in the transaction of what it tells of. Call it last there (see `db.audit.append`)."""
    entry = Entry(
        kind=change.kind,
        at=actor.at,
        actor_id=actor.actor_id,
        actor=actor.actor,
        address=actor.address,
        object_kind=change.object_kind,
        object_id=change.object_id,
        before=change.before,
        after=actor.with_os_user(change.after),
    )
    table.append(conn, entry)


def _find_first_id(*given: Any, **named: Any) -> int | None:
    """The id that a resolver is given first."""
    return given[0] if given and isinstance(given[0], int) else None


def record_refusals_of(
    action: str, kind: ObjectKind, id_of: Callable[..., int | None] = _find_first_id
) -> Callable[[Resolver], Resolver]:
    """For a resolver: what it refuses is recorded, with the id of the object that `id_of` finds in its arguments.

    `action` is stored: once released, it keeps its name whatever the resolver is called.
    """

    def decorate(resolve: Resolver) -> Resolver:
        @wraps(resolve)
        async def resolve_and_record(ctx: Context, *args: Any, **kwargs: Any) -> Any:
            async with record_refusals(ctx, action, kind, id_of(*args, **kwargs)):
                return await resolve(ctx, *args, **kwargs)

        return cast("Resolver", resolve_and_record)

    return decorate


@asynccontextmanager
async def record_refusals(
    ctx: Context, action: str, kind: ObjectKind | None = None, object_id: int | None = None
) -> AsyncIterator[None]:
    """Record that the viewer was not allowed what the block does, or that the command policy refused it.

    Who is refused too often is told RateLimited instead, and it is not recorded: nobody fills the disk with refusals.
    """
    try:
        yield
    except (Forbidden, CommandRefused) as error:
        if ctx.viewer is not None:
            ctx.service.rates.check_refusal(ctx.viewer.user_id)
        await ctx.service.store.run(
            table.append, _build_refusal_entry(build_actor(ctx), error, action, kind, object_id)
        )
        raise


def _build_refusal_entry(
    actor: Actor, error: Forbidden | CommandRefused, action: str, kind: ObjectKind | None, object_id: int | None
) -> Entry:
    after: dict[str, Any] = {"action": action[:LONGEST_ACTION]}
    if isinstance(error, CommandRefused):
        after |= {"command": error.command, "rules": sorted({finding.rule for finding in error.findings})}
    return Entry(
        kind=AuditKind.COMMAND_REFUSED if isinstance(error, CommandRefused) else AuditKind.FORBIDDEN,
        at=actor.at,
        actor_id=actor.actor_id,
        actor=actor.actor,
        address=actor.address,
        object_kind=kind,
        object_id=object_id if object_id is not None and 1 <= object_id <= MAX_ID else None,
        after=actor.with_os_user(after),
    )


async def page(ctx: Context, filter: AuditFilter, request: PageRequest) -> Page[AuditEvent]:
    async with record_refusals(ctx, "audit.page"):
        ctx.require_role(Role.ADMIN)
    return await paging.load_page(ctx.service.store, LISTING, filter, request)


async def follow(ctx: Context, after: int | None = None) -> AsyncGenerator[AuditEvent, None]:
    """Events beyond the one with the id `after`, or from now on, as they are written: each once, in their order."""
    async with record_refusals(ctx, "audit.follow"):
        ctx.require_role(Role.ADMIN)
    read = ctx.service.store.read
    with ctx.reserve_stream():
        newest = await read(table.find_head) if after is None else None
        last = after if after is not None else 0 if newest is None else newest.id
        while True:
            for event in await read(table.list_after, last, BATCH):
                last = event.id
                yield event
            await asyncio.sleep(POLL_SECONDS)


async def verify_chain(service: Service, wanted: str | None = None) -> AsyncIterator[ChainProgress]:
    """Walk the chain from its beginning, a batch a read, and tell how far it went. It ends where it is broken."""
    walk = ChainProgress()
    while walk.broken is None and (batch := await service.store.read(table.list_after, walk.id, BATCH)):
        broken = table.find_first_broken(batch, (walk.id, walk.hash))
        met = walk.met or any(event.hash == wanted for event in batch)
        walk = replace(walk, broken=broken) if broken else ChainProgress(batch[-1].id, batch[-1].hash, met=met)
        yield walk
