"""Fires schedules: finds due tasks by an index on `next_run`, in batches, so that cost grows with what is due."""

import time
from collections.abc import Callable
from datetime import datetime

from db import due
from db.store import Store
from runner.admission import decision
from runner.bus import CANCELS, EXECUTIONS, FLEET_RUNS, FOLLOW_UPS, PENDING, SCHEDULE, SLOTS, Bus
from runner.log import get_logger
from runner.loop import BackgroundLoop
from runner.observer import RunnerObserver
from runner.policy import Policy
from runner.scheduling import firing
from runner.scheduling.clock_watch import ClockStep, ClockWatch

log = get_logger()

# The wall clock may be set while the loop sleeps: it is checked at least this often (seconds).
LONGEST_SLEEP = 10.0
HELD_SLEEP = 0.05
FORWARD = "slots that were due in between count as missed: each task's terms say which of them run, the ledger tells"
BACK = "no slot runs twice: each task goes on with its next slot, when the clock has come there"


class Scheduler(BackgroundLoop):
    """Any number may run on one database: a task's row is locked while its slots are decided; slots are unique."""

    name = "scheduler"
    address = SCHEDULE

    def __init__(
        self,
        *,
        bus: Bus,
        store: Store,
        policy: Policy,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        observer: RunnerObserver | None = None,
    ) -> None:
        super().__init__(bus=bus)
        self.store = store
        self.clock = clock
        self.clock_watch = ClockWatch(clock, monotonic)
        self.decider = decision.build_decider(policy)
        self.observer = observer or RunnerObserver()

    async def tick(self) -> float:
        if (step := self.clock_watch.check()) is not None:
            _report(step)
        fired = await self.store.run(firing.fire_due, self.clock(), self.decider)
        if fired.tasks:
            self.observer.note_slots(fired.slots, self.clock())
            self.bus.hint(SLOTS, *((PENDING, EXECUTIONS) if fired.started else ()))
            if fired.fleets:
                self.bus.hint(FLEET_RUNS)
            if fired.cancelled:
                self.bus.hint(CANCELS, EXECUTIONS, FOLLOW_UPS)
            return 0.0
        next_due = await self.store.read(due.find_next_due)
        if next_due is None:
            return LONGEST_SLEEP
        seconds = (next_due - self.clock()).total_seconds()
        # A due task that was not returned is locked by another scheduler, or by a change of its schedule.
        return min(LONGEST_SLEEP, seconds) if seconds > 0 else HELD_SLEEP


def _report(step: ClockStep) -> None:
    """Log each step of the clock; a machine that slept looks the same."""
    what, effect = ("forward, or the machine slept", FORWARD) if step.is_forward else ("back", BACK)
    log.warning(
        f"the clock was set {what}",
        seconds=step.seconds,
        expected=step.expected.isoformat(),
        now=step.now.isoformat(),
        effect=effect,
    )
