"""A log that goes on while it is sent: heartbeats, looks at the caller's rights, an end when either side goes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from db.values import Stream
from resolvers import sign_in
from resolvers.context import Context
from resolvers.output import Chunk, OutputEvent
from sshcast.http.answers import mask_error
from sshcast.http.live_answer import StreamCut
from sshcast.rest.formats import Format


@dataclass(frozen=True, slots=True)
class StreamTimings:
    """The longest silence, and the longest that a token is trusted without another look at it. Seconds."""

    heartbeat_seconds: float = 15.0
    trust_seconds: float = 10.0


async def filter_events(
    events: AsyncGenerator[OutputEvent, None], only: Stream | None
) -> AsyncGenerator[OutputEvent, None]:
    """The events without the other stream's chunks: what is not sent must not count as a sign of life either."""
    async with aclosing(events):
        async for event in events:
            if only is None or not isinstance(event, Chunk) or event.stream is only:
                yield event


async def encode_events(
    ctx: Context, first: OutputEvent, events: AsyncGenerator[OutputEvent, None], live: Format, timings: StreamTimings
) -> AsyncGenerator[bytes, None]:
    """The events in their form, with heartbeats. An error on the way is told, where the form can, and is the end."""
    try:
        async with aclosing(_with_heartbeats(ctx, first, events, timings)) as beating:
            async for event in beating:
                if data := live.heartbeat if event is None else live.encode(event):
                    yield data
    except Exception as error:
        if word := live.encode_error(mask_error(error, "/api/task/{id}/log"), ctx.language):
            yield word
        else:
            raise StreamCut from error


async def _with_heartbeats(
    ctx: Context, first: OutputEvent, events: AsyncGenerator[OutputEvent, None], timings: StreamTimings
) -> AsyncGenerator[OutputEvent | None, None]:
    """The events, and None whenever none came for a while; Unauthenticated once the caller may not go on reading."""
    validity = SessionValidity(ctx, timings.trust_seconds)
    async with aclosing(events):
        yield first
        coming = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                await asyncio.wait([coming], timeout=min(timings.heartbeat_seconds, validity.count_seconds_left()))
                await validity.check()
                if not coming.done():
                    yield None
                    continue
                event = coming.result()
                if event is None:
                    return
                yield event
                coming = asyncio.ensure_future(anext(events, None))
        finally:
            coming.cancel()
            await asyncio.wait([coming])


class SessionValidity:
    """Whether the caller may go on: looked up when the last look is `seconds` old, and when the token ends."""

    def __init__(self, ctx: Context, seconds: float) -> None:
        self._ctx = ctx
        self._seconds = seconds
        self._viewer = ctx.require_viewer()
        self._looked = asyncio.get_running_loop().time()

    def count_seconds_left(self) -> float:
        return max(0.0, (self._viewer.expires_at - self._ctx.service.clock()).total_seconds())

    async def check(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.count_seconds_left() > 0 and now - self._looked < self._seconds:
            return
        await sign_in.check_session_validity(self._ctx)
        self._looked = now
