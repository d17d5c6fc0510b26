"""A log that goes on while it is sent: heartbeats, looks at the caller's rights, an end when either side goes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from db.values import Stream
from resolvers import sign_in
from resolvers.context import Context
from resolvers.output import Chunk, OutputEvent
from sshcast.rest.answers import HEADERS, known
from sshcast.rest.formats import Format

STREAM_HEADERS = HEADERS | {"X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Pace:
    """The longest silence, and the longest that a token is trusted without another look at it. Seconds."""

    heartbeat_seconds: float = 15.0
    trust_seconds: float = 10.0


class Cut(Exception):
    """The stream ends before its end, and the form has no words to say so: the connection is to be cut."""


class LiveAnswer(Response):
    """Sends the parts as they come. A caller that leaves ends the generator; a Cut leaves the answer unfinished."""

    def __init__(self, parts: AsyncGenerator[bytes, None], source: AsyncGenerator[Any, None], media_type: str) -> None:
        self.parts = parts
        self.source = source
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(STREAM_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send, scope["method"]), name="log stream")
        leaving = asyncio.create_task(left(receive), name="reader of a log stream")
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.wait({sending, leaving})
            await self.parts.aclose()
            await self.source.aclose()  # parts that were never asked for anything do not close it
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send, method: str) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            if method != "HEAD":
                async for part in self.parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        except Cut:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def filter_events(
    events: AsyncGenerator[OutputEvent, None], only: Stream | None
) -> AsyncGenerator[OutputEvent, None]:
    """The events without the other stream's chunks: what is not sent must not count as a sign of life either."""
    async with aclosing(events):
        async for event in events:
            if only is None or not isinstance(event, Chunk) or event.stream is only:
                yield event


async def parts(
    ctx: Context, first: OutputEvent, events: AsyncGenerator[OutputEvent, None], live: Format, pace: Pace
) -> AsyncGenerator[bytes, None]:
    """The events in their form, with heartbeats. An error on the way is told, where the form can, and is the end."""
    try:
        async with aclosing(beats(ctx, first, events, pace)) as beating:
            async for event in beating:
                if data := live.heartbeat if event is None else live.encode(event):
                    yield data
    except Exception as error:
        if word := live.failure(known(error, "/api/task/{id}/log"), ctx.language):
            yield word
        else:
            raise Cut from error


async def beats(
    ctx: Context, first: OutputEvent, events: AsyncGenerator[OutputEvent, None], pace: Pace
) -> AsyncGenerator[OutputEvent | None, None]:
    """The events, and None whenever none came for a while; Unauthenticated once the caller may not go on reading."""
    standing = Standing(ctx, pace.trust_seconds)
    async with aclosing(events):
        yield first
        coming = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                await asyncio.wait([coming], timeout=min(pace.heartbeat_seconds, standing.seconds_left()))
                await standing.check()
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


class Standing:
    """Whether the caller may go on: looked up when the last look is `seconds` old, and when the token ends."""

    def __init__(self, ctx: Context, seconds: float) -> None:
        self._ctx = ctx
        self._seconds = seconds
        self._viewer = ctx.signed_in()
        self._looked = asyncio.get_running_loop().time()

    def seconds_left(self) -> float:
        return max(0.0, (self._viewer.expires_at - self._ctx.service.clock()).total_seconds())

    async def check(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.seconds_left() > 0 and now - self._looked < self._seconds:
            return
        await sign_in.check_standing(self._ctx)
        self._looked = now
