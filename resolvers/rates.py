"""How often a caller may ask. Each has a bucket that refills as time goes by; in memory, and each process has its own.

A bucket is one number, the time at which it will be full again (the generic cell rate algorithm).
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from resolvers.errors import RateLimited
from resolvers.throttle import group_address

MOST_KEYS = 10_000
# Seconds of its rate that a bucket holds: what may come at once.
BURST_SECONDS = 20
BURST_SECONDS_OF_REFUSALS = 500
REQUESTS_A_SECOND_OF_WORK = 2000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second, and `burst` at once."""

    per_second: float
    burst: float


class Buckets:
    """One rate for many keys, the least recently used forgotten past 10,000. `clock` gives seconds."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = 1 / rate.per_second
        self._most = rate.burst / rate.per_second
        self._clock = clock
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable, count: int = 1) -> float:
        """0 when `count` were taken; else the seconds to wait, and none was. A full bucket gives however many."""
        now, cost = self._clock(), count * self._each
        lacking = max(0.0, self._full_at.get(key, 0.0) - now)
        if lacking > 0 and lacking + cost > self._most:
            return min(lacking, lacking + cost - self._most)
        self._full_at[key] = now + lacking + cost
        self._full_at.move_to_end(key)
        if len(self._full_at) > MOST_KEYS:
            self._full_at.popitem(last=False)
        return 0.0

    def charge(self, key: Hashable, count: float) -> None:
        """Take what is used up already, however little is left."""
        self._full_at[key] = max(self._clock(), self._full_at.get(key, 0.0)) + count * self._each

    def __len__(self) -> int:
        return len(self._full_at)


def build_buckets(per_second: float, burst_seconds: float = BURST_SECONDS) -> Buckets:
    return Buckets(Rate(per_second, per_second * burst_seconds))


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """Requests, changes, refusals and scans of a user, and requests of nobody in particular by address."""

    requests: Buckets = field(default_factory=lambda: build_buckets(500))
    changes: Buckets = field(default_factory=lambda: build_buckets(300))
    strangers: Buckets = field(default_factory=lambda: build_buckets(200))
    refusals: Buckets = field(default_factory=lambda: build_buckets(10, BURST_SECONDS_OF_REFUSALS))
    scans: Buckets = field(default_factory=lambda: Buckets(Rate(1, 10)))

    def check_request(self, user_id: int) -> None:
        """RateLimited when this user has asked too often."""
        _check_wait(self.requests.take(user_id))

    def check_change(self, user_id: int, count: int = 1) -> None:
        """RateLimited when this user has asked for too many changes and runs."""
        if (wait := self.changes.take(user_id, count)) > 0:
            en = "Too many changes and runs in a short time: wait, then try again."
            raise RateLimited(math.ceil(wait), en, "短时间内变更或执行过多，请稍后再试。")

    def check_stranger(self, address: str) -> None:
        """RateLimited when too much came from this address without a good token."""
        _check_wait(self.strangers.take(group_address(address)))

    def charge_work(self, user_id: int | None, address: str, seconds: float) -> None:
        """What was asked for took so much work before it could be begun: that counts as further requests."""
        if user_id is None:
            self.strangers.charge(group_address(address), seconds * REQUESTS_A_SECOND_OF_WORK)
        else:
            self.requests.charge(user_id, seconds * REQUESTS_A_SECOND_OF_WORK)

    def check_refusal(self, who: Hashable) -> None:
        """RateLimited when this user was refused too often: what they try is no longer looked at, nor written down."""
        if (wait := self.refusals.take(who)) > 0:
            en = "Too much that you asked for was refused: wait, then try again."
            raise RateLimited(math.ceil(wait), en, "被拒绝的请求过多，请稍后再试。")

    def check_scan(self, user_id: int) -> None:
        """RateLimited when this user has had too many servers asked for their host keys: it is no port scanner."""
        if (wait := self.scans.take(user_id)) > 0:
            en = "Too many scans of host keys in a short time: wait, then try again."
            raise RateLimited(math.ceil(wait), en, "短时间内获取主机密钥过于频繁，请稍后再试。")


def _check_wait(wait: float) -> None:
    if wait > 0:
        raise RateLimited(math.ceil(wait))
