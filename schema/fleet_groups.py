"""`FleetRun.outputGroups`: which servers gave the same answer."""

from dataclasses import replace
from typing import Annotated, Any

import strawberry

from resolvers import fleet_groups, paging
from resolvers.fleet_groups import GroupRequest
from resolvers.paging import PageRequest
from resolvers.slice_request import SliceRequest
from runner.fleet.groups import Normalization
from schema.connection import After, Connection, First
from schema.enums import State, Stream, register_enum
from schema.fields import typed_field
from schema.objects import Execution
from schema.operation import Info
from schema.scalars import Long

TEXT_BYTES = 64 * 1024

register_enum(
    Normalization,
    "OutputNormalization",
    "What is put in place of what differs between servers before their output is compared.",
    {
        "NONE": "Nothing: output is compared as it is, by lines.",
        "HOSTS_TIMES_NUMBERS": "`<host>` for the server's own name and host, `<time>` for times and dates, `<number>` "
        "for numbers.",
    },
)

Normalize = Annotated[
    Normalization, strawberry.argument(description="What is put in place of what differs between servers.")
]
OfStream = Annotated[
    Stream | None,
    strawberry.argument(description="Compare only this stream; without it, both in the order in which they came."),
]
SmallestFirst = Annotated[
    bool, strawberry.argument(description="Begin with the smallest groups, where the outliers are.")
]


@strawberry.type(
    description="Executions of a fleet run with equal output, an equal state and an equal exit status. Whether a line "
    "ends with a carriage return, and whether the last one ends at all, makes no difference."
)
class OutputGroup:
    size: int = strawberry.field(description="How many executions it has.")
    state: State = strawberry.field(description="Their state.")
    found: strawberry.Private[fleet_groups.OutputGroup]

    @typed_field(Long | None, "Their exit status; null if sshcast received none.")
    def exit_code(self) -> Any:
        return self.found.group.exit_code

    @typed_field(bool, "Whether they have ended. Those that run are grouped by what they have written so far.")
    def is_complete(self) -> bool:
        return self.state.is_final

    @typed_field(
        str,
        "The first 64 KiB of their output, of the execution with the lowest id. It counts for the 4 MiB of output that "
        "an answer carries.",
    )
    async def text(self, info: Info) -> str:
        return await _load_text(self.found, info)

    @typed_field(str | None, "The same with placeholders, as it was compared; null without a normalization.")
    async def normalized_text(self, info: Info) -> str | None:
        if self.found.request.normalize is Normalization.NONE:
            return None
        return self.found.replace_names(await _load_text(self.found, info))

    @typed_field(Connection[Execution], "Its executions, in order of their ids.")
    async def executions(self, info: Info, first: First = None, after: After = None) -> Any:
        rows = [fleet_groups.Reference(id) for id in self.found.group.execution_ids]
        shown = paging.cut_page(rows, PageRequest(first=first, after=after))
        loaded = await info.context.loaders.executions.load_many([row.id for row in shown.rows])
        pairs = [pair for pair in zip(shown.cursors, loaded, strict=True) if pair[1] is not None]
        return Connection(found=replace(shown, rows=[row for _, row in pairs], cursors=[cursor for cursor, _ in pairs]))


async def _load_text(found: fleet_groups.OutputGroup, info: Info) -> str:
    loader = info.context.loaders.slices_of_outputs(SliceRequest(max_bytes=TEXT_BYTES, stream=found.request.stream))
    made = await loader.load((found.group.first_id, found.state, found.stored))
    return str(made.text)


@typed_field(
    Connection[OutputGroup],
    "The answers of its executions in groups, as of now: the largest group first; of groups of one size, that with the "
    "lowest execution id.",
)
async def list_output_groups(
    self: Any,
    info: Info,
    first: First = None,
    after: After = None,
    normalize: Normalize = Normalization.NONE,
    stream: OfStream = None,
    smallest_first: SmallestFirst = False,
) -> Any:
    request = GroupRequest(normalize, stream, smallest_first, first, after)
    found = await fleet_groups.page(info.context.ctx, self.id, request)
    shown: list[Any] = [OutputGroup(size=each.size, state=each.state, found=each) for each in found.rows]
    return Connection(found=replace(found, rows=shown))
