"""Slows guessing down: after a few failures each further try must wait, longer each time. Nobody is locked out."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from resolvers.errors import RateLimited

FREE_TRIES = 5
LONGEST_SECONDS = 300
FORGET = timedelta(minutes=15)
MOST_KEYS = 10_000


@dataclass(slots=True)
class Failures:
    count: int
    last: datetime


class Throttle:
    """Failures a key (a user at an address, or an address), kept for 15 minutes, the oldest dropped past 10,000."""

    def __init__(self, *, clock: Callable[[], datetime], free_tries: int = FREE_TRIES) -> None:
        self._clock = clock
        self._free_tries = free_tries
        self._failures: OrderedDict[str, Failures] = OrderedDict()

    def check(self, *keys: str) -> None:
        """Raise RateLimited when one of the keys must wait."""
        waits = [self._wait(key) for key in keys]
        if max(waits) > 0:
            raise RateLimited(
                max(waits), "Too many failed sign-ins: wait, then try again.", "登录失败次数过多，请稍后再试。"
            )

    def failed(self, *keys: str) -> None:
        now = self._clock()
        for key in keys:
            known = self._failures.pop(key, None)
            fresh = known is not None and now - known.last < FORGET
            self._failures[key] = Failures(known.count + 1 if known and fresh else 1, now)
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        for key in keys:
            self._failures.pop(key, None)

    def _wait(self, key: str) -> int:
        """Whole seconds that are left to wait."""
        known = self._failures.get(key)
        if known is None or known.count < self._free_tries:
            return 0
        seconds = min(LONGEST_SECONDS, 2 ** min(16, known.count - self._free_tries))
        left = (known.last + timedelta(seconds=seconds) - self._clock()).total_seconds()
        return max(0, -int(-left // 1))
