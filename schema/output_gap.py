"""The gap in an output that was over its limit."""

from typing import Any

import strawberry

from resolvers import cursor
from schema.fields import typed_field
from schema.scalars import Long


@strawberry.type(
    description="What was left out of an output that was over its limit, between its beginning and its end."
)
class OutputGap:
    start_cursor: str = strawberry.field(description="The position at which it begins.")
    end_cursor: str = strawberry.field(description="The position after it: as `after`, it gives the end of the output.")
    bytes: Long = strawberry.field(description="How many bytes of both streams were left out.")
    lines: Long = strawberry.field(description="How many line feeds are in them; line numbers after it count them.")


@typed_field(
    OutputGap | None,
    "What was left out of its output at the limit; null if nothing was, or while it runs.",
    reads=["output_gap"],
)
def read_output_gap(self: Any) -> Any:
    gap = self.output_gap
    if gap is None:
        return None
    start, end = (cursor.encode(position) for position in (gap["position"], gap["position"] + gap["bytes"]))
    return OutputGap(start_cursor=start, end_cursor=end, bytes=gap["bytes"], lines=gap["lines"])
