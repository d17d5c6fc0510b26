"""A stream lasts as long as its viewer's right to it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from resolvers import sign_in
from resolvers.context import Context
from runner.bus import user_address
from schema.heartbeats import with_heartbeats

TRUST_SECONDS = 10.0
BEAT_SECONDS = 1.0

Event = TypeVar("Event")


async def while_authorized(ctx: Context, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The events; Unauthenticated once the token has ended, or the user was signed out or disabled.

    On a connection that was shown a newer token, it is that one which counts.
    The user is looked up at least every 10 seconds, events or not, and within a second when this process ends sessions
    of theirs.
    """
    loop, viewer = asyncio.get_running_loop(), ctx.require_viewer()
    looked = loop.time()

    def count_trust_seconds() -> float:
        return max(0.0, min(_count_seconds_left(ctx.with_current_viewer()), looked + TRUST_SECONDS - loop.time()))

    def next_timeout() -> float:
        return min(BEAT_SECONDS, count_trust_seconds())

    with ctx.service.bus.watch(user_address(viewer.user_id)) as watch:
        async with aclosing(with_heartbeats(events, next_timeout)) as beating:
            async for event in beating:
                if watch.is_set or count_trust_seconds() <= 0:
                    watch.clear()
                    await sign_in.check_session_validity(ctx.with_current_viewer())
                    looked = loop.time()
                if event is not None:
                    yield event


def _count_seconds_left(ctx: Context) -> float:
    """Until the viewer's token ends."""
    return (ctx.require_viewer().expires_at - ctx.service.clock()).total_seconds()
