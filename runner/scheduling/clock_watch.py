"""Notices that the machine's clock was set, by comparing it with one that nobody can set."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

LEAST_STEP = timedelta(seconds=5)
"""A clock that is kept right in smaller steps, or slowly, is not worth a word."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The clock was set by `by` (negative: back) since it was looked at last; `now` is what it shows."""

    by: timedelta
    now: datetime

    @property
    def is_forward(self) -> bool:
        return self.by > timedelta()

    @property
    def seconds(self) -> float:
        """How far, whichever way."""
        return round(abs(self.by.total_seconds()), 1)

    @property
    def expected(self) -> datetime:
        """What it would show if it had not been set."""
        return self.now - self.by


class ClockWatch:
    """Compares a wall clock with `monotonic`, which counts seconds whatever the wall clock is set to."""

    def __init__(self, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._last = self._read()

    def check(self) -> ClockStep | None:
        """How the clock was set since the last look (or the start); None if it was not, or by less than LEAST_STEP."""
        (wall, seconds), before = self._read(), self._last
        self._last = wall, seconds
        by = (wall - before[0]) - timedelta(seconds=seconds - before[1])
        return ClockStep(by, wall) if abs(by) >= LEAST_STEP else None

    def _read(self) -> tuple[datetime, float]:
        return self._clock(), self._monotonic()
