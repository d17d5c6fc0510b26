"""Events with a beat whenever none came for a while."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

Event = TypeVar("Event")


async def with_heartbeats(
    events: AsyncGenerator[Event, None], next_timeout: Callable[[], float]
) -> AsyncGenerator[Event | None, None]:
    """The events, and None each time that none came within `next_timeout()` seconds. Closes `events` when it ends."""
    async with aclosing(events):
        coming = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                await asyncio.wait([coming], timeout=next_timeout())
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
