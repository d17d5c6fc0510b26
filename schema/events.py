"""The events of `executionOutput`."""

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime

import strawberry

from resolvers import output
from resolvers.decoding import Decoders, UnfinishedCharacter
from schema.enums import Reason, State, Stream
from schema.fields import typed_field
from schema.scalars import Long


@strawberry.interface(description="What `executionOutput` tells: a piece of output, a change of state, or the end.")
class OutputEvent:
    cursor: str = strawberry.field(
        description="The position after this event: pass it as `after` to continue from here."
    )
    at: datetime = strawberry.field(description="When it happened.")


@strawberry.type(description="A piece of output: consecutive bytes of one stream.")
class OutputChunk(OutputEvent):
    stream: Stream = strawberry.field(description="Standard output or standard error.")
    text: str = strawberry.field(
        description="The bytes decoded by the server's `outputEncoding`. A character that is split between two chunks "
        "is in the second one's text; bytes that are no character become U+FFFD. `base64` is exact."
    )
    left_out_bytes: Long = strawberry.field(
        description="How many bytes of both streams, that were over the output limit, are missing right before; else 0."
    )
    data: strawberry.Private[bytes]

    @typed_field(str, "The exact bytes.")
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()


@strawberry.type(description="The execution's state: sent when watching begins, and whenever it changes.")
class StateChange(OutputEvent):
    state: State = strawberry.field(description="The state.")
    reason: Reason | None = strawberry.field(description="Why it ended; null until then.")


@strawberry.type(description="The end of the execution. No event follows.")
class OutputEnd(OutputEvent):
    state: State = strawberry.field(description="The final state.")
    reason: Reason | None = strawberry.field(description="Why it ended as it did.")
    message: str | None = strawberry.field(description="The reason in words; null where `reason` says it all.")
    exit_code: Long | None = strawberry.field(description="The command's exit status; null if sshcast received none.")
    exit_signal: str | None = strawberry.field(description="The signal that ended the command; null if none did.")
    truncated: bool = strawberry.field(
        description="Whether some of the output is missing, as it was over the limit or written too late."
    )


async def convert_events(
    events: AsyncGenerator[output.OutputEvent, None], decoders: Decoders
) -> AsyncGenerator[OutputEvent, None]:
    """Yield the service's events as GraphQL objects."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, output.Chunk):
                yield _build_chunk(event, decoders.decode(event.stream, event.data, event.offset))
                continue
            if event.state.is_final:
                for rest in decoders.flush_rests(event.cursor):
                    yield _build_rest(rest, event.at)
            placed = replace(event, cursor=decoders.move_past_rests(event.cursor))
            yield _build_end(placed) if isinstance(placed, output.End) else _build_state_change(placed)


def _build_chunk(event: output.Chunk, text: str) -> OutputChunk:
    return OutputChunk(
        cursor=event.cursor,
        at=event.at,
        stream=event.stream,
        text=text,
        left_out_bytes=Long(event.left_out),
        data=event.data,
    )


def _build_rest(rest: UnfinishedCharacter, at: datetime) -> OutputChunk:
    return OutputChunk(cursor=rest.cursor, at=at, stream=rest.stream, text=rest.text, left_out_bytes=Long(0), data=b"")


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
