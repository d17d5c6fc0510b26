"""This runner's lease among several on one PostgreSQL, and taking over from those whose lease has ended."""

import asyncio
from contextlib import suppress

import structlog

from db import runners
from db.runners import LEASE_SECONDS
from db.session_lock import SessionLock
from db.store import StoreUnavailable
from runner.bus import Bus
from runner.dispatcher import Dispatcher
from runner.loop import Loop

log = structlog.get_logger()

BEAT_SECONDS = 2.0
MARGIN_SECONDS = 1.0
SETTLED_BEATS = 3
PATIENCE_SECONDS = 5.0


class Leases(Loop):
    """Beats every 2 s. By its own clock a runner whose beats do not get through stops claiming before others act.

    After an absence of the database every lease has ended: nobody is buried until a few beats in a row got through,
    so that those who live had time for theirs.
    """

    name = "leases"
    address = "leases"

    def __init__(self, *, bus: Bus, dispatcher: Dispatcher, lock: SessionLock) -> None:
        super().__init__(bus=bus)
        self.dispatcher = dispatcher
        self.lock = lock
        self._beats = 0
        dispatcher.leased_until = 0.0

    async def join(self) -> None:
        """Begin to be a runner among others."""
        await self._beat()
        self.start()

    async def leave(self) -> None:
        """Let go of what is left running: another runner takes it over."""
        await self.stop()
        with suppress(StoreUnavailable):  # then the lease ends by itself
            await self.dispatcher.parts.store.run(runners.leave, self.dispatcher.runner_id)
        await self.lock.close()

    async def tick(self) -> float:
        try:
            await self._beat()
        except Exception:
            self._beats = 0
            raise
        if self._beats >= SETTLED_BEATS:
            await self.dispatcher.take_over()
        return BEAT_SECONDS

    async def _beat(self) -> None:
        sent = asyncio.get_running_loop().time()
        async with asyncio.timeout(PATIENCE_SECONDS):
            standing = await self.dispatcher.parts.store.run(runners.beat, self.dispatcher.runner_id)
        self.dispatcher.leased_until = sent + LEASE_SECONDS - MARGIN_SECONDS
        self._beats += 1
        with suppress(Exception):  # only a hint to others hangs on it
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.lock.hold()
        if not standing:
            await self.dispatcher.let_go()
