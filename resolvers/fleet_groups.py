"""The answers of a fleet run in groups: executions with equal output and an equal end, of visible servers."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from db import fleet_answers
from db.fleet_answers import Wanted
from db.values import State, Stream
from resolvers import validation
from resolvers.context import Context
from resolvers.errors import Invalid, NotFound
from resolvers.fleet_digests import TakeChunks
from resolvers.paging import MOST, Page
from runner.fleet import groups
from runner.fleet.groups import Answer, Group, Normalization, build_placeholders

USUAL = 20
CURSOR = re.compile(r"g(\d{1,9})-(\d{1,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """How the output is compared, which stream of it (None: both in their order), and which groups are wanted."""

    normalize: Normalization = Normalization.NONE
    stream: Stream | None = None
    smallest_first: bool = False
    first: int | None = None
    after: str | None = None


@dataclass(slots=True)
class Reference:
    """An execution of a group by its id."""

    id: int


@dataclass(slots=True)
class OutputGroup:
    """A group, with what its first execution has stored and the names of that one's server.

    `id` is the first execution's.
    """

    id: int
    group: Group
    stored: int
    names: tuple[str, str]
    request: GroupRequest

    @property
    def size(self) -> int:
        return self.group.size

    @property
    def state(self) -> State:
        return self.group.state

    def replace_names(self, text: str) -> str:
        """Return the first execution's text as it was compared."""
        return groups.normalize(text.encode(), build_placeholders(self.names)).decode(errors="replace")


async def page(ctx: Context, fleet_run_id: int, request: GroupRequest) -> Page[OutputGroup]:
    """Return groups as of now. While executions run, groups change: a cursor is a size and an execution's id."""
    first = validation.check_between("first", USUAL if request.first is None else request.first, 1, MOST)
    place = _decode_cursor(request.after)
    found = await ctx.service.store.read(fleet_answers.list_ends, fleet_run_id, ctx.visibility)
    if found is None:
        raise NotFound.for_object("fleet run", fleet_run_id)
    every = await _group(ctx, fleet_run_id, found, request)
    rest = every if place is None else groups.list_after(every, place, smallest_first=request.smallest_first)
    ends = {end.id: end for end in found}

    async def count() -> int:
        return len(every)

    return Page(
        rows=[_build_group(each, ends[each.first_id], request) for each in rest[:first]],
        cursors=[f"g{each.size}-{each.first_id}" for each in rest[:first]],
        has_next=len(rest) > first,
        has_previous=len(rest) < len(every),
        page=None,
        page_size=None,
        count=count,
    )


async def _group(ctx: Context, fleet_run_id: int, ends: Sequence[Any], request: GroupRequest) -> list[Group]:
    user_id = ctx.require_viewer().user_id

    async def load(wanted: Sequence[Wanted], take: TakeChunks) -> Sequence[Any]:
        async with ctx.service.searches.reserve(user_id):
            rows = await ctx.service.store.read(fleet_answers.list_chunks, wanted)
            await asyncio.to_thread(take, rows)
            return rows

    digests = await ctx.service.digests.compute(load, fleet_run_id, ends, request.normalize, request.stream)
    answers = [Answer(end.id, end.state, end.exit_code, digest) for end, digest in zip(ends, digests, strict=True)]
    return groups.group(answers, smallest_first=request.smallest_first)


def _build_group(group: Group, end: Any, request: GroupRequest) -> OutputGroup:
    return OutputGroup(end.id, group, end.stored, (end.name, end.host), request)


def _decode_cursor(cursor: str | None) -> tuple[int, int] | None:
    if cursor is None:
        return None
    found = CURSOR.fullmatch(cursor)
    if found is None or int(found[2]) > validation.MAX_ID:
        raise Invalid(
            "after",
            "is not a cursor of output groups: use one that `outputGroups` gave.",
            "不是输出分组的游标：请使用 `outputGroups` 给出的游标。",
        )
    return int(found[1]), int(found[2])
