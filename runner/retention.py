"""Removes expired executions, fleet runs, slots and events in small batches, so that no transaction waits for long."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from db import events, fleet_output, retention, slots
from db.store import Store
from runner.bus import Bus
from runner.log import get_logger
from runner.loop import BackgroundLoop

log = get_logger()
HOUR = 3600.0
PIECE = 200
BETWEEN_PIECES = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """The age at which finished executions, decided slots and events are removed. None keeps them for ever.

    Fleet runs are removed as executions are, once they have none any more.
    """

    executions: timedelta | None = None
    slots: timedelta | None = None
    events: timedelta | None = None


class Retention(BackgroundLoop):
    """Removes expired rows every hour. Each runner does so: rows that one has removed are gone for the others."""

    name = "upkeep"
    address = "upkeep"

    def __init__(self, *, bus: Bus, store: Store, policy: RetentionPolicy, clock: Callable[[], datetime]) -> None:
        super().__init__(bus=bus)
        self.store = store
        self.policy = policy
        self.clock = clock
        self._checked = False

    async def tick(self) -> float:
        await self._renumber_restored_events()
        removed = {
            "executions": await self._prune(retention.prune, self.policy.executions),
            "fleet_runs": await self._prune(retention.prune_fleet_runs, self.policy.executions),
            "slots": await self._prune(slots.prune, self.policy.slots),
            "events": await self._prune(events.prune, self.policy.events),
        }
        if not any(removed.values()):
            return HOUR
        log.info("removed what is kept no longer", **removed)
        return BETWEEN_PIECES

    async def _prune(self, prune: Callable[..., int], max_age: timedelta | None) -> int:
        return 0 if max_age is None else await self.store.run(prune, self.clock() - max_age, PIECE)

    async def _renumber_restored_events(self) -> None:
        """Once, at the start: a database is not restored under a service that runs."""
        if self._checked:
            return
        changed = await self.store.run(events.renumber_restored)
        await self.store.run(fleet_output.renumber_restored)
        self._checked = True
        if changed:
            log.warning("the database was restored: earlier cursors of events are expired", events=changed)
