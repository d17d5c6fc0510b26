"""Removes what is kept no longer, in pieces, so that nothing else waits for it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from db import retention, slots
from db.store import Store
from runner.bus import Bus
from runner.loop import BackgroundLoop

log = structlog.get_logger()
HOUR = 3600.0
PIECE = 200
BETWEEN_PIECES = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """For how long what is over is kept. None: for ever."""

    executions: timedelta | None = None
    slots: timedelta | None = None


class Retention(BackgroundLoop):
    """Each hour, on every runner: a piece that one removes is not there for the others."""

    name = "upkeep"
    address = "upkeep"

    def __init__(self, *, bus: Bus, store: Store, keep: RetentionPolicy, clock: Callable[[], datetime]) -> None:
        super().__init__(bus=bus)
        self.store = store
        self.keep = keep
        self.clock = clock

    async def tick(self) -> float:
        removed = {
            "executions": await self._prune(retention.prune, self.keep.executions),
            "slots": await self._prune(slots.prune, self.keep.slots),
        }
        if not any(removed.values()):
            return HOUR
        log.info("removed what is kept no longer", **removed)
        return BETWEEN_PIECES

    async def _prune(self, prune: Callable[..., int], keep: timedelta | None) -> int:
        return 0 if keep is None else await self.store.run(prune, self.clock() - keep, PIECE)
