"""What a watcher of an execution is told."""

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime

import strawberry

from resolvers import output
from resolvers.decoding import Decoders
from schema.enums import Reason, State, Stream
from schema.fields import typed_field
from schema.scalars import Long


@strawberry.interface(description="Something that happened to an execution.")
class OutputEvent:
    cursor: str = strawberry.field(description="The place after it: give it as `after` to go on from here.")
    at: datetime = strawberry.field(description="When it happened.")


@strawberry.type(description="Some output: consecutive bytes of one stream.")
class OutputChunk(OutputEvent):
    stream: Stream = strawberry.field(description="Which of the two outputs.")
    text: str = strawberry.field(
        description="The bytes as UTF-8. A character that two chunks share is in the second one; what is not UTF-8 "
        "shows as U+FFFD. `base64` is exact."
    )
    data: strawberry.Private[bytes]

    @typed_field(str, "The exact bytes.")
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()


@strawberry.type(description="The execution is in another state, or in this one when the watcher came.")
class StateChange(OutputEvent):
    state: State = strawberry.field(description="The state.")
    reason: Reason | None = strawberry.field(description="Why it ended, when it has.")


@strawberry.type(description="The end: nothing follows.")
class OutputEnd(OutputEvent):
    state: State = strawberry.field(description="The final state.")
    reason: Reason | None = strawberry.field(description="Why it ended as it did.")
    message: str | None = strawberry.field(description="The same in words, where there is more to say.")
    exit_code: Long | None = strawberry.field(description="The command's exit status, if it was received.")
    exit_signal: str | None = strawberry.field(description="The signal that ended the command.")
    truncated: bool = strawberry.field(description="Whether there was more output than the limit.")


async def convert_events(
    events: AsyncGenerator[output.OutputEvent, None], decoders: Decoders
) -> AsyncGenerator[OutputEvent, None]:
    """The service's events as the API tells them."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, output.Chunk):
                yield _build_chunk(event, decoders.decode(event.stream, event.data))
                continue
            if event.state.is_final:
                for rest in decoders.flush_rests(event.cursor):
                    yield OutputChunk(cursor=rest.cursor, at=event.at, stream=rest.stream, text=rest.text, data=b"")
            placed = replace(event, cursor=decoders.move_past_rests(event.cursor))
            yield _build_end(placed) if isinstance(placed, output.End) else _build_state_change(placed)


def _build_chunk(event: output.Chunk, text: str) -> OutputChunk:
    return OutputChunk(cursor=event.cursor, at=event.at, stream=event.stream, text=text, data=event.data)


def _build_state_change(event: output.StateChange) -> StateChange:
    return StateChange(cursor=event.cursor, at=event.at, state=event.state, reason=_parse_reason(event.reason))


def _build_end(event: output.End) -> OutputEnd:
    return OutputEnd(
        cursor=event.cursor,
        at=event.at,
        state=event.state,
        reason=_parse_reason(event.reason),
        message=event.message,
        exit_code=None if event.exit_code is None else Long(event.exit_code),
        exit_signal=event.exit_signal,
        truncated=event.truncated,
    )


def _parse_reason(word: str | None) -> Reason | None:
    return None if word is None else Reason(word)
