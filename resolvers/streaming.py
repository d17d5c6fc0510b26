"""Streams to a caller: heartbeats, and the end of a stream when the viewer may not go on.

A token that expires, a sign-out, a disabled user, a new password or a new role ends open streams within BEAT_SECONDS if
this process made the change, and within TRUST_SECONDS if another one did. The first needs no query: the process that
makes the change hints at the user's address. A right that is lost on one server is up to the stream's own queries,
which are limited to what the viewer may see.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from resolvers import sign_in
from resolvers.context import Context
from runner.bus import Watch, user_address

BEAT_SECONDS = 1.0
TRUST_SECONDS = 10.0

Event = TypeVar("Event")


async def with_heartbeats(
    events: AsyncGenerator[Event, None], next_timeout: Callable[[], float]
) -> AsyncGenerator[Event | None, None]:
    """Yield the events, and None whenever none came within `next_timeout()` seconds. Closes `events` at the end."""
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


@dataclass(slots=True)
class SessionWatch:
    """Checks that the viewer's session is valid; on a connection with a renewed token, by the newest one."""

    ctx: Context
    watch: Watch
    _looked: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def next_timeout(self) -> float:
        """Return the most seconds to wait until the next `check`."""
        return min(BEAT_SECONDS, self._count_trust_seconds())

    async def check(self) -> None:
        """Raise Unauthenticated if the session has ended. Queries only after a hint or when the last check is old."""
        if not self.watch.is_set and self._count_trust_seconds() > 0:
            return
        self.watch.clear()
        await sign_in.check_session_validity(self.ctx.with_current_viewer())
        self._looked = asyncio.get_running_loop().time()

    def _count_trust_seconds(self) -> float:
        """Return the seconds for which the last check is still valid."""
        ctx = self.ctx.with_current_viewer()
        token_seconds = (ctx.require_viewer().expires_at - ctx.service.clock()).total_seconds()
        return max(0.0, min(token_seconds, self._looked + TRUST_SECONDS - asyncio.get_running_loop().time()))


@contextmanager
def watch_session(ctx: Context) -> Iterator[SessionWatch]:
    """Watch the viewer's session during the block. The first `check` queries, since earlier hints were not heard."""
    with ctx.service.bus.watch(user_address(ctx.require_viewer().user_id)) as watch:
        watch.set()
        yield SessionWatch(ctx, watch)


async def while_authorized(ctx: Context, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """Yield the events until the viewer may not go on; then raise Unauthenticated. Closes `events` at the end."""
    with watch_session(ctx) as session:
        async with aclosing(with_heartbeats(events, session.next_timeout)) as beating:
            async for event in beating:
                await session.check()
                if event is not None:
                    yield event
