"""Carries on the fleet runs that have not ended. Any runner may do it: all it knows is in the tables."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from db import fleets
from db.store import Store
from runner.bus import CANCELS, EXECUTIONS, FLEET_RUNS, FOLLOW_UPS, PENDING, Bus, execution_address
from runner.fleet.moves import advance, is_due
from runner.loop import BackgroundLoop

MOST_RUNS = 1000
COALESCE_SECONDS = 0.2


class FleetController(BackgroundLoop):
    """Looks at each open fleet run whenever an execution of one ends, and every second."""

    name = "fleet runs"
    address = FLEET_RUNS

    def __init__(self, *, bus: Bus, store: Store, clock: Callable[[], datetime]) -> None:
        super().__init__(bus=bus)
        self.store = store
        self.clock = clock

    async def tick(self) -> float:
        # Executions end hundreds of times a second: one look serves all that end during this sleep.
        await asyncio.sleep(COALESCE_SECONDS)
        for id in await self.store.read(fleets.list_open_ids, MOST_RUNS):
            await self._advance(id)
        return self.poll_seconds

    async def _advance(self, id: int) -> None:
        """Write only where something is due: a look costs no write transaction."""
        if not await self.store.read(is_due, id, self.clock()):
            return
        found = await self.store.run(advance, id, self.clock())
        if found.moved:
            self.bus.hint(PENDING, EXECUTIONS, CANCELS, FOLLOW_UPS, *map(execution_address, found.executions))
