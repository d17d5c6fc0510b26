"""`TaskExecution.output`: a part of an execution's output in any answer that shows the execution."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry

from resolvers.output_pieces import SlicePart
from resolvers.slice_request import USUAL_BYTES, SliceRequest
from schema.enums import Stream
from schema.fields import typed_field
from schema.operation import Info
from schema.scalars import Long

AfterCursor = Annotated[
    str | None, strawberry.argument(description="Begin after this cursor, of a slice or of `executionOutput`.")
]
BeforeCursor = Annotated[
    str | None, strawberry.argument(description="End before this cursor; of what is before it, the end is kept.")
]
FromLine = Annotated[
    int | None, strawberry.argument(description="Begin with this line, counted from 1 over both streams.")
]
Lines = Annotated[
    int | None,
    strawberry.argument(description="Return at most this many lines; goes with `fromLine` or `after` only."),
]
LastLines = Annotated[
    int | None,
    strawberry.argument(description="Return this many lines from the end, of which the end is kept; 0 for none."),
]
MaxBytes = Annotated[
    int | None, strawberry.argument(description="Return at most this many bytes, 1 to 1048576 (1 MiB).")
]
OfStream = Annotated[
    Stream | None,
    strawberry.argument(description="Return only this stream. Lines are still those of the whole output."),
]


@strawberry.type(description="A part of a slice's text: consecutive, of one stream, and stored at one time.")
class OutputSlicePart:
    stream: Stream = strawberry.field(description="Standard output or standard error.")
    at: datetime = strawberry.field(description="When it was received.")
    text: str = strawberry.field(description="The text; it may end within a line.")


@strawberry.type(
    description="Consecutive bytes of an execution's output, both streams in their order. `after: endCursor` goes on "
    "from here, `before: startCursor` back. A slice ends where output was left out at the output limit; the next one "
    "begins behind that."
)
class OutputSlice:
    text: str = strawberry.field(
        description="The bytes decoded in the server's encoding. A character that is split between two slices is in "
        "the second one's text; bytes that cannot be decoded become U+FFFD. `base64` is exact."
    )
    data: strawberry.Private[bytes]
    stored_parts: strawberry.Private[Sequence[SlicePart]]

    @typed_field(
        list[OutputSlicePart],
        "The same text in parts, in order: which stream each is of, and when it came. Each part counts as 128 bytes of "
        "the 4 MiB of output that an answer carries.",
    )
    def parts(self, info: Info) -> Any:
        info.context.loaders.output_budget.take_parts(len(self.stored_parts))
        return self.stored_parts

    @typed_field(str, "The exact bytes.")
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()

    start_cursor: str | None = strawberry.field(description="The position before it, also if it is empty.")
    end_cursor: str | None = strawberry.field(description="The position after it, also if it is empty.")
    has_before: bool = strawberry.field(description="Whether there is output before it.")
    has_after: bool = strawberry.field(description="Whether there is output after it by now.")
    first_line: Long | None = strawberry.field(
        description="The number of the line in which it begins, counted from 1 over both streams; null if it is empty."
    )
    line_count: Long | None = strawberry.field(
        description="How many lines of the output it spans, with those that it has in part; null if it is empty."
    )


@typed_field(
    OutputSlice,
    "A part of its output, from the beginning unless an argument says otherwise. At most one of `after`, `before`, "
    "`fromLine` and `lastLines` may be given. An answer carries at most 4 MiB of output in all.",
    reads=["id", "state", "stdout_bytes", "stderr_bytes"],
)
async def read_output(
    self: Any,
    info: Info,
    after: AfterCursor = None,
    before: BeforeCursor = None,
    from_line: FromLine = None,
    lines: Lines = None,
    last_lines: LastLines = None,
    max_bytes: MaxBytes = USUAL_BYTES,
    stream: OfStream = None,
) -> Any:
    request = SliceRequest(
        after=after,
        before=before,
        from_line=from_line,
        lines=lines,
        last_lines=last_lines,
        max_bytes=USUAL_BYTES if max_bytes is None else max_bytes,
        stream=stream,
    )
    loader = info.context.loaders.slices_of_outputs(request)
    return await loader.load((self.id, self.state, self.stdout_bytes + self.stderr_bytes))
