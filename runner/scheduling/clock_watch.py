"""Detects that the machine's clock was set, by comparing it with the monotonic clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

LEAST_STEP = timedelta(seconds=5)
"""The smallest step that is reported. Smaller and slow corrections are normal."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A step of the clock by `by` (negative: back) since the last check; `now` is the time it shows."""

    by: timedelta
    now: datetime

    @property
    def is_forward(self) -> bool:
        return self.by > timedelta()

    @property
    def seconds(self) -> float:
        """The size of the step in seconds, without its sign."""
        return round(abs(self.by.total_seconds()), 1)

    @property
    def expected(self) -> datetime:
        """The time that the clock would show without the step."""
        return self.now - self.by


class ClockWatch:
    """Compares the wall clock with `monotonic`, which counts seconds whatever the wall clock is set to."""

    def __init__(self, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._last = self._read()

    def check(self) -> ClockStep | None:
        """Return the step since the last check (or the start), or None if it is less than LEAST_STEP."""
        (wall, seconds), before = self._read(), self._last
        self._last = wall, seconds
        by = (wall - before[0]) - timedelta(seconds=seconds - before[1])
        return ClockStep(by, wall) if abs(by) >= LEAST_STEP else None

    def _read(self) -> tuple[datetime, float]:
        return self._clock(), self._monotonic()
