"""The ledger of slots: read by those who may see the task's server."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from db import slots as table
from db.models import ScheduleSlot
from db.slots import SlotFilter
from resolvers import filters, paging
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.paging import Page, PageRequest
from runner import bus

LISTING: paging.Listing[ScheduleSlot, SlotFilter] = paging.Listing(
    page=table.page, count=table.count, orders=("id", "slot")
)
OF_TASKS: paging.ListingEach[ScheduleSlot, SlotFilter] = paging.ListingEach(
    page=table.page_of_tasks, count=table.count_of_tasks, orders=LISTING.orders
)
POLL_SECONDS = 1.0
# Ids are assigned before their transactions commit: this many below the newest may still appear.
LATE_IDS = 100
PAUSE_SECONDS = 0.05


async def page(ctx: Context, filter: SlotFilter, request: PageRequest) -> Page[ScheduleSlot]:
    return await paging.load_page(ctx.service.store, LISTING, filters.check(ctx, filter), request)


async def get(ctx: Context, id: int) -> ScheduleSlot:
    (found,) = await get_many(ctx, [id])
    if found is None:
        raise NotFound()
    return found


async def get_many(ctx: Context, ids: Sequence[int]) -> list[ScheduleSlot | None]:
    found = {row.id: row for row in await ctx.service.store.read(table.by_ids, ids, ctx.visibility)}
    return [found.get(id) for id in ids]


async def load_pages_of_tasks(
    ctx: Context, task_ids: Sequence[int], filter: SlotFilter, request: PageRequest
) -> list[Page[ScheduleSlot]]:
    """Return a page of each task's slots, in the order of `task_ids`."""
    return await paging.load_pages(ctx.service.store, OF_TASKS, task_ids, filters.check(ctx, filter), request)


async def follow(ctx: Context, filter: SlotFilter) -> AsyncGenerator[ScheduleSlot, None]:
    """Yield matching slots, each time one is decided or its outcome or execution changes."""
    read, any_outcome = ctx.service.store.read, replace(filters.check(ctx, filter), outcomes=None)
    with ctx.reserve_stream(), ctx.service.bus.watch(bus.SLOTS) as watch:
        newest = await read(table.find_newest_id)
        seen = {row.id: row for row in await read(table.list_changes, any_outcome, newest - LATE_IDS, ())}
        while True:
            await watch.wait(POLL_SECONDS)
            watch.clear()
            known = [id for id, row in seen.items() if row.open]
            for row in await read(table.list_changes, any_outcome, newest - LATE_IDS, known):
                news = row.id not in seen or _summarize_slot(row) != _summarize_slot(seen[row.id])
                seen[row.id] = row
                if news and (filter.outcomes is None or row.outcome in filter.outcomes):
                    yield row
            newest = max([newest, *seen])
            seen = {id: row for id, row in seen.items() if row.open or id > newest - LATE_IDS}
            await asyncio.sleep(PAUSE_SECONDS)


def _summarize_slot(row: ScheduleSlot) -> tuple[str, int | None]:
    """Return the values whose change is reported to watchers."""
    return row.outcome, row.execution_id
