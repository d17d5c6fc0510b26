"""`Query.searchOutput`: a search in the outputs of many executions."""

from typing import Annotated, Any

import strawberry

from resolvers import output_search
from resolvers.output_search import USUAL_MATCHES
from resolvers.search_patterns import Syntax
from schema.fields import loaded_field, typed_field
from schema.filters import Executions, build_execution_filter
from schema.objects import Execution
from schema.operation import Info
from schema.output_match import (
    AnyCase,
    LinesAround,
    MostLines,
    OutputMatch,
    ThePattern,
    TheSyntax,
    build_search_request,
)
from schema.scalars import Long

EndCursor = Annotated[str | None, strawberry.argument(description="Go on from this `endCursor` of the same search.")]


@strawberry.type(description="A line that a search over executions found.")
class ExecutionMatch:
    execution = loaded_field(Execution | None, "The execution.", loader="executions", key="execution_id")

    @typed_field(OutputMatch, "The line of its output.")
    def match(self: Any) -> Any:
        return self


@strawberry.type(
    description="What a search over executions found, and how far it looked. As with `outputMatches`, it may have "
    "found nothing yet, and goes on with `after: endCursor` until `isComplete`."
)
class OutputSearch:
    nodes: list[ExecutionMatch] = strawberry.field(description="The lines with matches, the newest execution first.")
    end_cursor: str = strawberry.field(description="How far it looked: as `after`, it goes on from there.")
    is_complete: bool = strawberry.field(description="Whether it has looked at the output of every execution by now.")
    scanned_bytes: Long = strawberry.field(description="How many bytes it looked at for this answer.")


@typed_field(OutputSearch, "Search the outputs of executions for lines with a match, the newest execution first.")
async def search_outputs(
    self: Any,
    info: Info,
    pattern: ThePattern,
    first: MostLines = USUAL_MATCHES,
    after: EndCursor = None,
    filter: Executions = None,
    syntax: TheSyntax = Syntax.LITERAL,
    ignore_case: AnyCase = False,
    context: LinesAround = 0,
) -> Any:
    request = build_search_request(pattern, syntax, ignore_case, context, first, after)
    asked = info.context
    wanted = build_execution_filter(filter)
    return await output_search.search_outputs(asked.ctx, wanted, request, asked.loaders.search_budget)
