"""This runner's lease among several on one PostgreSQL, and taking over from those whose lease has ended."""

import asyncio
from contextlib import suppress

import structlog

from db import runners
from db.runners import LEASE_SECONDS
from db.session_lock import SessionLock
from db.store import StoreUnavailable
from runner.bus import Bus
from runner.execution.dispatcher import Dispatcher
from runner.loop import BackgroundLoop

log = structlog.get_logger()

HEARTBEAT_SECONDS = 2.0
MARGIN_SECONDS = 1.0
SETTLED_HEARTBEATS = 3
PATIENCE_SECONDS = 5.0


class Leases(BackgroundLoop):
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
        self._heartbeats = 0
        dispatcher.leased_until = 0.0

    async def join(self) -> None:
        """Begin to be a runner among others."""
        await self._send_heartbeat()
        self.start()

    async def leave(self) -> None:
        """Let go of what is left running: another runner takes it over."""
        await self.stop()
        with suppress(StoreUnavailable):  # then the lease ends by itself
            await self.dispatcher.parts.store.run(runners.release_lease, self.dispatcher.runner_id)
        await self.lock.close()

    async def tick(self) -> float:
        try:
            await self._send_heartbeat()
        except Exception:
            self._heartbeats = 0
            raise
        if self._heartbeats >= SETTLED_HEARTBEATS:
            await self.dispatcher.take_over()
        return HEARTBEAT_SECONDS

    async def _send_heartbeat(self) -> None:
        sent = asyncio.get_running_loop().time()
        async with asyncio.timeout(PATIENCE_SECONDS):
            standing = await self.dispatcher.parts.store.run(runners.heartbeat, self.dispatcher.runner_id)
        self.dispatcher.leased_until = sent + LEASE_SECONDS - MARGIN_SECONDS
        self._heartbeats += 1
        with suppress(Exception):  # only a hint to others hangs on it
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.lock.hold()
        if not standing:
            await self.dispatcher.stop_lost_runs()
