"""A streamed log in one of its formats, with heartbeats."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from db.values import Stream
from resolvers.context import Context
from resolvers.output import Chunk, OutputEvent
from resolvers.streaming import with_heartbeats
from sshcast.http.answers import mask_error
from sshcast.http.live_answer import StreamCut
from sshcast.rest.formats import Format

HEARTBEAT_SECONDS = 15.0
"""The longest silence of a stream."""


async def filter_events(
    events: AsyncGenerator[OutputEvent, None], only: Stream | None
) -> AsyncGenerator[OutputEvent, None]:
    """Yield the events without the other stream's chunks, so that heartbeats come while only that one has output."""
    async with aclosing(events):
        async for event in events:
            if only is None or not isinstance(event, Chunk) or event.stream is only:
                yield event


async def encode_events(
    ctx: Context, first: OutputEvent, events: AsyncGenerator[OutputEvent, None], live: Format, heartbeat_seconds: float
) -> AsyncGenerator[bytes, None]:
    """Encode the events, with heartbeats. An error ends the stream, with a last message if the format has one."""
    try:
        if data := live.encode(first):
            yield data
        async with aclosing(with_heartbeats(events, lambda: heartbeat_seconds)) as beating:
            async for event in beating:
                if data := live.heartbeat if event is None else live.encode(event):
                    yield data
    except Exception as error:
        if word := live.encode_error(mask_error(error, "/api/task/{id}/log"), ctx.language):
            yield word
        else:
            raise StreamCut from error
