"""Leases of several runners on one PostgreSQL: heartbeats, and adopting runs whose runner's lease has expired."""

import asyncio
from contextlib import suppress

from db import runners
from db.runners import LEASE_SECONDS
from db.session_lock import SessionLock
from db.store import StoreUnavailable
from runner.bus import Bus
from runner.execution.dispatcher import Dispatcher
from runner.log import get_logger
from runner.loop import BackgroundLoop

log = get_logger()

HEARTBEAT_SECONDS = 2.0
MARGIN_SECONDS = 1.0
SETTLED_HEARTBEATS = 3
PATIENCE_SECONDS = 5.0
LEAVE_SECONDS = 2.0


class Leases(BackgroundLoop):
    """Sends a heartbeat every 2 s. A runner whose heartbeats fail stops claiming before others adopt its runs.

    While the database is away every lease expires. Dead runners are declared only after a few heartbeats in a row, so
    that the others had time for theirs.
    """

    name = "leases"
    address = "leases"

    def __init__(self, *, bus: Bus, dispatcher: Dispatcher, lock: SessionLock) -> None:
        super().__init__(bus=bus)
        self.dispatcher = dispatcher
        self.lock = lock
        self._heartbeats = 0
        dispatcher.extend_lease(0.0)

    async def join(self) -> None:
        """Send the first heartbeat, and start the loop."""
        await self._send_heartbeat()
        self.start()

    async def leave(self) -> None:
        """Release the lease: other runners adopt the runs that are left."""
        await self.stop()
        with suppress(StoreUnavailable, TimeoutError):  # then the lease expires by itself
            async with asyncio.timeout(LEAVE_SECONDS):
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
        self.dispatcher.extend_lease(sent + LEASE_SECONDS - MARGIN_SECONDS)
        self._heartbeats += 1
        with suppress(Exception):  # it is only a hint to other runners
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.lock.hold()
        if not standing:
            await self.dispatcher.stop_lost_runs()
