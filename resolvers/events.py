"""The event stream: what happened to runs, slots, tasks and servers, as history and live, for those who may see it."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import replace

from db import events as table
from db.event_filters import EventFilter
from db.event_models import Event
from db.events import EventRange, EventsFound, Expired, Position
from db.values import EventKind, Role
from resolvers import paging, validation
from resolvers.context import Context
from resolvers.errors import CursorExpired, Invalid
from resolvers.paging import Page, PageRequest
from runner import bus

BATCH = 200
POLL_SECONDS = 1.0
# Changes that come at once share one read; an event may become final some time after the hint of it.
PAUSE_SECONDS = 0.05
CURSOR = re.compile(r"e(\d{1,19})-(\d{1,19})", re.ASCII)


def encode_cursor(event: Event) -> str:
    return _encode_position((event.xid, event.id))


async def page(ctx: Context, filter: EventFilter, request: PageRequest) -> Page[Event]:
    """Return a page, oldest first. One with fewer rows may still have a next page: see `Page.ends`."""
    checked = _check(ctx, filter)
    window = paging.build_window(replace(request, after=None, before=None), ("id",))
    asked = EventRange(
        limit=window.limit,
        after=decode_cursor("after", request.after) or table.START,
        before=decode_cursor("before", request.before),
        backward=window.backward,
    )
    found = await ctx.service.store.read(table.read, checked, asked)
    if isinstance(found, Expired):
        raise CursorExpired(field=("after" if request.after is not None else "before",))
    edge = _encode_position(found.edge)
    cursors = [encode_cursor(row) for row in found.rows]
    start, end = (cursors[0], cursors[-1]) if cursors else (edge, edge)
    return Page(
        rows=found.rows,
        cursors=cursors,
        has_next=asked.before is not None if window.backward else found.more,
        has_previous=found.more if window.backward else request.after is not None,
        page=None,
        page_size=None,
        count=lambda: ctx.service.store.read(table.count, checked),
        ends=(edge if window.backward and found.more else start, edge if found.more and not window.backward else end),
    )


async def follow(ctx: Context, filter: EventFilter, after: str | None = None) -> AsyncGenerator[Event, None]:
    """Yield matching events after the cursor (None: from now on), each once and in order, then live.

    The next ones are read when the caller has taken the last, so that a slow one holds up nothing but itself.
    CursorExpired if events were removed that the caller has not had.
    """
    checked, read = _check(ctx, filter), ctx.service.store.read
    position = decode_cursor("after", after)
    with ctx.reserve_stream(), ctx.service.bus.watch(bus.EXECUTIONS, bus.SLOTS, bus.SCHEDULE) as watch:
        if position is None:
            position = await read(table.find_end)
        seconds = POLL_SECONDS
        while True:
            watch.clear()
            found = await read(table.read, checked, EventRange(limit=BATCH, after=position))
            for row in require_kept(found).rows:
                yield row
            position = require_kept(found).edge
            if require_kept(found).more:
                continue
            await asyncio.sleep(PAUSE_SECONDS)
            await watch.wait(seconds)
            seconds = PAUSE_SECONDS if watch.is_set else min(2 * seconds, POLL_SECONDS)


def require_kept(found: EventsFound | Expired) -> EventsFound:
    if isinstance(found, Expired):
        raise CursorExpired(field=("after",))
    return found


def _check(ctx: Context, filter: EventFilter) -> EventFilter:
    """Return the filter limited to what the viewer may see. Invalid names a value that no event can have."""
    for name in ("execution_id", "task_id", "server_id", "fleet_run_id"):
        value = getattr(filter, name)
        if value is not None:
            validation.check_id(name, value)
    for kind in filter.kinds or ():
        validation.check_one_of("kinds", kind, EventKind)
    viewer = ctx.require_viewer()
    return replace(filter, with_audit=viewer.role == Role.ADMIN, visibility=ctx.visibility)


def _encode_position(position: Position) -> str:
    return "e{}-{}".format(*position)


def decode_cursor(field: str, cursor: str | None) -> Position | None:
    if cursor is None:
        return None
    found = CURSOR.fullmatch(cursor)
    if found is None or max(map(int, found.groups())) > validation.MAX_ID:
        raise Invalid(
            field,
            "is not a cursor of events: use one that `events` gave.",
            "不是事件游标：请使用 `events` 给出的游标。",
        )
    return int(found[1]), int(found[2])
