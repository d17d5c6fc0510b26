"""What a runner tells of its work, for whoever counts it. The runner does not know who that is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from db.models import TaskExecution
from db.values import SlotOutcome


@dataclass(frozen=True, slots=True)
class DecidedSlot:
    """A slot that the scheduler decided, and the moment at which its run was to start, jitter included."""

    outcome: SlotOutcome
    fires_at: datetime


@dataclass(frozen=True, slots=True)
class RunnerCounts:
    """How much a runner holds now: executions that it drives, SSH connections, and channels reserved on those."""

    running: int = 0
    connections: int = 0
    channels: int = 0


class RunnerObserver:
    """Is called on the event loop, and must return within microseconds. This one takes no notice."""

    def watch_runner(self, count: Callable[[], RunnerCounts]) -> None:
        """A runner starts; `count` says at any time what it holds."""

    def note_claim(self, seconds: float, rows: Sequence[TaskExecution]) -> None:
        """A claim took so many seconds with its commit, and moved these executions to RUNNING."""

    def note_flush(self, seconds: float, stored_bytes: int) -> None:
        """Storing a batch of output took so many seconds with its commit."""

    def note_end(self, row: TaskExecution, stored_bytes: int) -> None:
        """An execution's end was recorded, and so many bytes of output with it."""

    def note_slots(self, slots: Sequence[DecidedSlot], now: datetime) -> None:
        """The scheduler's decisions about these slots were committed by `now`."""
