"""The queue as the database has it, read for a scrape: one statement, at most once a second, whoever asks."""

import asyncio
import math
import time
from collections.abc import Callable
from datetime import datetime

from db import queue_state
from db.store import Store
from runner.log import get_logger

log = get_logger()

MOST_COUNTED = 100_000
KEPT_SECONDS = 1.0
PATIENCE_SECONDS = 2.0


class QueueState:
    """`pending` runs, at most MOST_COUNTED, and the seconds for which the `oldest` waits. NaN while it is not known."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self.pending = self.oldest = math.nan
        self._store = store
        self._clock = clock
        self._lock = asyncio.Lock()
        self._until = 0.0

    async def refresh(self) -> None:
        """Read again, unless that was done a moment ago. A database that does not answer is waited for briefly."""
        async with self._lock:
            if time.monotonic() < self._until:
                return
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    self._keep(await self._store.read(queue_state.measure, MOST_COUNTED))
            except Exception as error:
                log.debug("the queue cannot be read for metrics", error=str(error))
                self.pending = self.oldest = math.nan
            self._until = time.monotonic() + KEPT_SECONDS

    def _keep(self, found: queue_state.QueueLength) -> None:
        self.pending = found.pending
        waiting = 0.0 if found.oldest is None else (self._clock() - found.oldest).total_seconds()
        self.oldest = max(0.0, waiting)
