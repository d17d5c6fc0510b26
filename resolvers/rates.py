"""Rate limits by user and by address: buckets that refill over time, in memory, separate in each process.

A bucket is one number: the time at which it will be full again (the generic cell rate algorithm).
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from resolvers.errors import RateLimited
from resolvers.throttle import group_address

MOST_KEYS = 10_000
# The size of a bucket, as seconds of its rate: a burst may use all of it.
BURST_SECONDS = 20
BURST_SECONDS_OF_REFUSALS = 500
REQUESTS_A_SECOND_OF_WORK = 2000


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate per second, and the most that may come at once."""

    per_second: float
    burst: float


class Buckets:
    """Buckets of one rate, by key. Past 10,000 keys the least recently used is dropped. `clock` returns seconds."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = 1 / rate.per_second
        self._most = rate.burst / rate.per_second
        self._clock = clock
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable, count: int = 1) -> float:
        """Take `count` and return 0, or take nothing and return the seconds to wait. A full bucket allows any count."""
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
        """Take `count` for work that is already done, even if the bucket does not hold that much."""
        self._full_at[key] = max(self._clock(), self._full_at.get(key, 0.0)) + count * self._each

    def __len__(self) -> int:
        return len(self._full_at)


def build_buckets(per_second: float, burst_seconds: float = BURST_SECONDS) -> Buckets:
    return Buckets(Rate(per_second, per_second * burst_seconds))


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """Limits for a user's requests, changes, refusals and scans, and for an address's unauthenticated requests."""

    requests: Buckets = field(default_factory=lambda: build_buckets(500))
    changes: Buckets = field(default_factory=lambda: build_buckets(300))
    strangers: Buckets = field(default_factory=lambda: build_buckets(200))
    refusals: Buckets = field(default_factory=lambda: build_buckets(10, BURST_SECONDS_OF_REFUSALS))
    scans: Buckets = field(default_factory=lambda: Buckets(Rate(1, 10)))

    def check_request(self, user_id: int) -> None:
        """Count a request of this user. RateLimited if they made too many."""
        _check_wait(self.requests.take(user_id))

    def check_change(self, user_id: int, count: int = 1) -> None:
        """Count changes and runs of this user. RateLimited if they asked for too many."""
        if (wait := self.changes.take(user_id, count)) > 0:
            en = "Too many changes and runs in a short time: wait, then try again."
            raise RateLimited(math.ceil(wait), en, "短时间内变更或执行过多，请稍后再试。")

    def check_stranger(self, address: str) -> None:
        """Count a request of this address without a valid token. RateLimited if it made too many."""
        _check_wait(self.strangers.take(group_address(address)))

    def charge_work(self, user_id: int | None, address: str, seconds: float) -> None:
        """Count the seconds of work that a request cost before it was executed as further requests."""
        if user_id is None:
            self.strangers.charge(group_address(address), seconds * REQUESTS_A_SECOND_OF_WORK)
        else:
            self.requests.charge(user_id, seconds * REQUESTS_A_SECOND_OF_WORK)

    def check_refusal(self, who: Hashable) -> None:
        """Count a refusal. RateLimited if there were too many: further attempts are neither examined nor recorded."""
        if (wait := self.refusals.take(who)) > 0:
            en = "Too much that you asked for was refused: wait, then try again."
            raise RateLimited(math.ceil(wait), en, "被拒绝的请求过多，请稍后再试。")

    def check_scan(self, user_id: int) -> None:
        """Count a scan or check of this user. RateLimited if they made too many, as a port scanner would."""
        if (wait := self.scans.take(user_id)) > 0:
            en = "Too many scans of host keys and checks of servers in a short time: wait, then try again."
            raise RateLimited(math.ceil(wait), en, "短时间内获取主机密钥或检查服务器过于频繁，请稍后再试。")


def _check_wait(wait: float) -> None:
    if wait > 0:
        raise RateLimited(math.ceil(wait))
