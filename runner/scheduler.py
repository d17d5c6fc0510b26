"""Fires schedules: due tasks are found by an index on `next_run`, in batches; cost grows with what is due."""

from collections.abc import Callable
from datetime import datetime

from db import due
from db.store import Store
from runner import firing, ruling
from runner.bus import CANCELS, EXECUTIONS, PENDING, SCHEDULE, SLOTS, Bus
from runner.loop import Loop
from runner.policy import Policy

# The wall clock may be set while the loop sleeps: it is looked at again at least this often (seconds).
LONGEST_SLEEP = 10.0
HELD_SLEEP = 0.05


class Scheduler(Loop):
    """Any number may run on one database: a task's row is held while its slots are decided, and a slot is kept once."""

    name = "scheduler"
    address = SCHEDULE

    def __init__(self, *, bus: Bus, store: Store, policy: Policy, clock: Callable[[], datetime]) -> None:
        super().__init__(bus=bus)
        self.store = store
        self.clock = clock
        self.judge = ruling.judge_of(policy)

    async def tick(self) -> float:
        fired = await self.store.run(firing.fire_due, self.clock(), self.judge)
        if fired.tasks:
            self.bus.hint(SLOTS, *((PENDING, EXECUTIONS) if fired.started else ()))
            if fired.cancelled:
                self.bus.hint(CANCELS, EXECUTIONS)
            return 0.0
        next_due = await self.store.read(due.next_due)
        if next_due is None:
            return LONGEST_SLEEP
        seconds = (next_due - self.clock()).total_seconds()
        # What is due and was not taken is held by another scheduler, or by a change of its schedule.
        return min(LONGEST_SLEEP, seconds) if seconds > 0 else HELD_SLEEP
