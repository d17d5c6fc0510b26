"""The audit log: each action and refusal with its user, address and time. Only admins may read it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial, wraps
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from db import audit as table
from db.after_commit import call_after_commit
from db.audit import START, AuditFilter, Entry
from db.audit_models import AuditEvent
from db.values import AuditKind, ObjectKind, Role
from resolvers import paging
from resolvers.context import Context, Service
from resolvers.errors import CommandRefused, Forbidden, NotFound
from resolvers.paging import Page, PageRequest
from resolvers.validation import MAX_ID
from runner.journal import write_line

LISTING: paging.Listing[AuditEvent, AuditFilter] = paging.Listing(page=table.page, count=table.count, orders=("id",))
POLL_SECONDS = 1.0
BATCH = 500
LONGEST_ACTION = 200
LINES = {
    AuditKind.SIGNED_IN: "sign-in",
    AuditKind.SIGN_IN_FAILED: "sign-in refused",
    AuditKind.REFRESH_REUSED: "session ended: its refresh token was used again",
    AuditKind.FORBIDDEN: "refused",
    AuditKind.COMMAND_REFUSED: "refused",
}
"""What the log calls an event of the audit; any other kind is a change."""

Resolver = TypeVar("Resolver", bound=Callable[..., Coroutine[Any, Any, Any]])


@dataclass(frozen=True, slots=True)
class Actor:
    """The user, address and time of an action. `actor_id` None: a command on the machine, or nobody signed in.

    `os_user`: the operating system's user, for a command on the machine itself.
    """

    at: datetime
    actor_id: int | None = None
    actor: str | None = None
    address: str = ""
    os_user: str | None = None

    def with_os_user(self, after: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return `after` with `os_user` added, if there is one."""
        return after if self.os_user is None else {**(after or {}), "os_user": self.os_user}


@dataclass(frozen=True, slots=True)
class AuditedChange:
    """An action on an object, with the object's columns before and after it. Holds no secrets."""

    kind: AuditKind
    object_kind: ObjectKind
    object_id: int | None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChainProgress:
    """The progress of a check of the chain: the last event's id and hash, and the first broken id, if any.

    `met`: an event with the hash that was looked for has been found.
    """

    id: int = 0
    hash: str = START
    broken: int | None = None
    met: bool = False


def build_actor(ctx: Context) -> Actor:
    """Return the actor for an action that the viewer takes now."""
    viewer, now = ctx.viewer, ctx.service.clock()
    if viewer is None:
        return Actor(now, address=ctx.address)
    return Actor(now, viewer.user_id, viewer.name, ctx.address, ctx.os_user)


def record(conn: Connection, actor: Actor, change: AuditedChange) -> None:
    """Write the change to the audit log, in the same transaction. Call it last there (see `db.audit.append`)."""
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
    _append(conn, entry)


def _append(conn: Connection, entry: Entry) -> None:
    """Write the event, and its line in the log once it is committed.

    The line has ids and no names, nor what was changed: a log is read by more people than the audit.
    """
    table.append(conn, entry)
    line = partial(
        write_line,
        LINES.get(entry.kind, "change"),
        action=str(entry.kind),
        object_type=None if entry.object_kind is None else str(entry.object_kind),
        object=entry.object_id,
        actor=entry.actor_id,
        address=entry.address,
    )
    call_after_commit(conn, line)


def _find_first_id(*args: Any, **kwargs: Any) -> int | None:
    """Return the first positional argument of a resolver if it is an id."""
    return args[0] if args and isinstance(args[0], int) else None


def record_refusals_of(
    action: str, kind: ObjectKind, id_of: Callable[..., int | None] = _find_first_id
) -> Callable[[Resolver], Resolver]:
    """Decorate a resolver so that its refusals are recorded. `id_of` finds the object's id in the resolver's arguments.

    `action` is stored in audit events: it must not change after a release, even if the resolver is renamed.
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
    """Record in the audit log if the block raises Forbidden or CommandRefused.

    A viewer who is refused too often gets RateLimited instead, and nothing is recorded: refusals cannot fill the disk.
    """
    try:
        yield
    except (Forbidden, CommandRefused) as error:
        if ctx.viewer is not None:
            ctx.service.rates.check_refusal(ctx.viewer.user_id)
        await ctx.service.store.run(_append, _build_refusal_entry(build_actor(ctx), error, action, kind, object_id))
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


async def get(ctx: Context, id: int) -> AuditEvent:
    async with record_refusals(ctx, "audit.get"):
        ctx.require_role(Role.ADMIN)
    (found,) = await get_many(ctx, [id])
    if found is None:
        raise NotFound()
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[AuditEvent | None]:
    ctx.require_role(Role.ADMIN)
    found = {event.id: event for event in await ctx.service.store.read(table.by_ids, ids)}
    return [found.get(id) for id in ids]


async def page(ctx: Context, filter: AuditFilter, request: PageRequest) -> Page[AuditEvent]:
    async with record_refusals(ctx, "audit.page"):
        ctx.require_role(Role.ADMIN)
    return await paging.load_page(ctx.service.store, LISTING, filter, request)


async def follow(ctx: Context, after: int | None = None) -> AsyncGenerator[AuditEvent, None]:
    """Yield events with an id above `after` (None: from now on) as they are written, each once and in order."""
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


async def verify_chain(service: Service, known_hash: str | None = None) -> AsyncIterator[ChainProgress]:
    """Check the chain from its beginning in batches and yield the progress after each. Stop where it is broken.

    `known_hash`: `ChainProgress.met` becomes true once an event with this hash is found.
    """
    walk = ChainProgress()
    while walk.broken is None and (batch := await service.store.read(table.list_after, walk.id, BATCH)):
        broken = table.find_first_broken(batch, (walk.id, walk.hash))
        met = walk.met or any(event.hash == known_hash for event in batch)
        walk = replace(walk, broken=broken) if broken else ChainProgress(batch[-1].id, batch[-1].hash, met=met)
        yield walk
