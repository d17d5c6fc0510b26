"""`TaskExecution.outputMatches`: a search in an execution's output, and the lines that it finds."""

from typing import Annotated, Any

import strawberry

from resolvers import cursor, output_search
from resolvers.output_search import USUAL_MATCHES, SearchRequest
from resolvers.search_patterns import Syntax
from schema.enums import Stream, register_enum
from schema.fields import typed_field
from schema.operation import Info
from schema.scalars import Long

register_enum(
    Syntax,
    "SearchSyntax",
    "How a search reads its pattern.",
    {
        "LITERAL": "As the text itself.",
        "RE2": "As a regular expression of RE2. `^` and `$` are the beginning and the end of a line.",
    },
)

ThePattern = Annotated[str, strawberry.argument(description="What to look for within a line, 1 to 1000 characters.")]
TheSyntax = Annotated[Syntax | None, strawberry.argument(description="How the pattern is read.")]
AnyCase = Annotated[bool | None, strawberry.argument(description="true: in upper or lower case.")]
LinesAround = Annotated[
    int | None, strawberry.argument(description="How many lines to show before and after each line, 0 to 10.")
]
MostLines = Annotated[int | None, strawberry.argument(description="Return at most this many lines, 1 to 100.")]
BehindCursor = Annotated[
    str | None,
    strawberry.argument(description="Look only behind this cursor, an `endCursor` or any other one of the output."),
]


@strawberry.type(description="The place of a match in the text of its line, in characters (Unicode code points).")
class TextRange:
    start: int = strawberry.field(description="How many characters come before it.")
    end: int = strawberry.field(description="How many characters come before its end.")


@strawberry.type(
    description="A line of output with at least one match. As `after` of `output` or `executionOutput`, `startCursor` "
    "shows what begins with it; as `fromLine` of `output`, `number` does."
)
class OutputMatch:
    number: Long = strawberry.field(description="The number of the line, counted from 1 over both streams.")
    stream: Stream = strawberry.field(description="The stream of its first match.")

    @typed_field(str, "The line without its line feed, decoded in the server's encoding; at most 4096 characters.")
    def text(self: Any) -> str:
        return str(self.marked.text)

    @typed_field(bool, "Whether `text` is only a part of the line, around its first match.")
    def is_cut(self: Any) -> bool:
        return bool(self.marked.is_cut)

    @typed_field(list[TextRange], "Where the matches are in `text`; at most 100.")
    def ranges(self: Any) -> list[TextRange]:
        return [TextRange(start=start, end=end) for start, end in self.marked.ranges]

    before: list[str] = strawberry.field(description="The lines before it, each at most 1000 characters.")
    after: list[str] = strawberry.field(description="The lines after it, each at most 1000 characters.")

    @typed_field(str, "The position at which the line begins.")
    def start_cursor(self: Any) -> str:
        return cursor.encode(self.start)

    @typed_field(str, "The position at which the next line begins.")
    def end_cursor(self: Any) -> str:
        return cursor.encode(self.end)


@strawberry.type(
    description="What a search found, and how far it looked. All searches of a request look at 128 MiB and for 2 "
    "seconds in all: one may have found nothing yet, and goes on with `after: endCursor` until `isComplete`."
)
class OutputMatches:
    nodes: list[OutputMatch] = strawberry.field(description="The lines with matches.")
    end_cursor: str = strawberry.field(description="How far it looked: as `after`, it goes on from there.")
    is_complete: bool = strawberry.field(description="Whether it has looked at everything that is there by now.")
    scanned_bytes: Long = strawberry.field(description="How many bytes it looked at for this answer.")


def build_search_request(
    pattern: str,
    syntax: Syntax | None,
    ignore_case: bool | None,
    context: int | None,
    first: int | None,
    after: str | None,
) -> SearchRequest:
    return SearchRequest(
        pattern=pattern,
        syntax=syntax or Syntax.LITERAL,
        ignore_case=bool(ignore_case),
        context=context or 0,
        first=USUAL_MATCHES if first is None else first,
        after=after,
    )


@typed_field(OutputMatches, "Search its output for lines with a match, from the beginning on.", reads=["id"])
async def search_matches(
    self: Any,
    info: Info,
    pattern: ThePattern,
    first: MostLines = USUAL_MATCHES,
    after: BehindCursor = None,
    syntax: TheSyntax = Syntax.LITERAL,
    ignore_case: AnyCase = False,
    context: LinesAround = 0,
) -> Any:
    request = build_search_request(pattern, syntax, ignore_case, context, first, after)
    asked = info.context
    return await output_search.search_output(asked.ctx, self.id, request, asked.loaders.search_budget)
