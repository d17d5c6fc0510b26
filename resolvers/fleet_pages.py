"""The same page of several fleet runs' members or executions, in one read."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from db import fleet_pages as table
from db.execution_filters import ExecutionFilter
from db.fleets import MemberFilter
from db.models import TaskExecution
from resolvers import executions, filters, paging
from resolvers.context import Context
from resolvers.paging import Page, PageRequest

MEMBERS: paging.ListingEach[Any, MemberFilter] = paging.ListingEach(
    page=table.page_members, count=table.count_members, orders=("id",)
)
EXECUTIONS: paging.ListingEach[TaskExecution, ExecutionFilter] = paging.ListingEach(
    page=table.page_executions, count=table.count_executions, orders=executions.LISTING.orders
)


async def load_members(ctx: Context, ids: Sequence[int], filter: MemberFilter, request: PageRequest) -> list[Page[Any]]:
    """Return a page of each fleet run's visible members, in order of their servers' ids."""
    checked = replace(filter, visibility=ctx.visibility)
    return await paging.load_pages(ctx.service.store, MEMBERS, ids, checked, request)


async def load_executions(
    ctx: Context, ids: Sequence[int], filter: ExecutionFilter, request: PageRequest
) -> list[Page[TaskExecution]]:
    """Return a page of each fleet run's visible executions."""
    checked = filters.check(ctx, filter)
    return await paging.load_pages(ctx.service.store, EXECUTIONS, ids, checked, request)
