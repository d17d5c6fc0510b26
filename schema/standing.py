"""A stream lasts as long as its viewer's right to it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from db.values import Role
from resolvers import sign_in
from resolvers.context import Context
from schema.beats import beats

TRUST_SECONDS = 10.0

Event = TypeVar("Event")


async def while_standing(ctx: Context, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The events; Unauthenticated once the token has ended, or the user was signed out or disabled.

    The user is looked up at least every 10 seconds, events or not.
    """
    loop = asyncio.get_running_loop()
    looked = loop.time()

    def trust_left() -> float:
        return max(0.0, min(seconds_left(ctx), looked + TRUST_SECONDS - loop.time()))

    async with aclosing(beats(events, trust_left)) as beating:
        async for event in beating:
            if trust_left() <= 0:
                await sign_in.check_standing(ctx)
                looked = loop.time()
            if event is not None:
                yield event


def seconds_left(ctx: Context) -> float:
    """Until the viewer's token ends."""
    return (ctx.need(Role.VIEWER).expires_at - ctx.service.clock()).total_seconds()
