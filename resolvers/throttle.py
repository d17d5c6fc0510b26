"""Slow down password guessing: after a few failures each try must wait, longer each time. Nobody is locked out."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from resolvers.errors import RateLimited

FREE_TRIES = 5
# Higher, since a whole office may share an address.
FREE_TRIES_OF_ADDRESS = 30
LONGEST_SECONDS = 300
LONGEST_NAME = 64
FORGET = timedelta(minutes=15)
MOST_KEYS = 10_000


@dataclass(slots=True)
class Failures:
    count: int
    last: datetime


class LoginThrottle:
    """Counts failures of a user at an address, and of an address, for 15 minutes. Past 10,000 the oldest are dropped.

    A try counts as a failure when it starts, so that many tries at once do not avoid the wait.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        free_tries: int = FREE_TRIES,
        free_tries_of_address: int = FREE_TRIES_OF_ADDRESS,
    ) -> None:
        self._clock = clock
        self._free_tries = free_tries
        self._free_tries_of_address = free_tries_of_address
        self._failures: OrderedDict[str, Failures] = OrderedDict()

    def begin(self, name: str, address: str) -> None:
        """Count a try before it is made. RateLimited if it must wait."""
        self.check(name, address)
        now = self._clock()
        for key in self._list_keys(name, address):
            known = self._failures.pop(key, None)
            fresh = known is not None and now - known.last < FORGET
            self._failures[key] = Failures(known.count + 1 if known and fresh else 1, now)
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)

    def check(self, name: str, address: str) -> None:
        """Raise RateLimited if a try must wait."""
        seconds = max(self._compute_wait(key, free) for key, free in self._list_keys(name, address).items())
        if seconds > 0:
            raise RateLimited(
                seconds, "Too many failed sign-ins: wait, then try again.", "登录失败次数过多，请稍后再试。"
            )

    def record_success(self, name: str, address: str) -> None:
        """Forget the user's failures at this address. Other failures of the address stay."""
        user_key, address_key = self._list_keys(name, address)
        self._failures.pop(user_key, None)
        self._forgive(address_key)

    def discard_try(self, name: str, address: str) -> None:
        """Do not count the try, since the password could not be checked."""
        for key in self._list_keys(name, address):
            self._forgive(key)

    def _forgive(self, key: str) -> None:
        known = self._failures.get(key)
        if known is not None:
            known.count = max(0, known.count - 1)

    def _list_keys(self, name: str, address: str) -> dict[str, int]:
        """Return the keys to count, each with the number of failures that cost no wait."""
        group = group_address(address)
        return {
            f"user {name.lower()[:LONGEST_NAME]} at {group}": self._free_tries,
            f"address {group}": self._free_tries_of_address,
        }

    def _compute_wait(self, key: str, free_tries: int) -> int:
        """Return the whole seconds left to wait."""
        known = self._failures.get(key)
        if known is None or known.count < free_tries:
            return 0
        seconds = min(LONGEST_SECONDS, 2 ** min(16, known.count - free_tries))
        left = (known.last + timedelta(seconds=seconds) - self._clock()).total_seconds()
        return max(0, -int(-left // 1))


def group_address(address: str) -> str:
    """Return the address to count: the whole /64 for IPv6, since one machine can commonly choose any address in it."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped if mapped is not None else ip_network((int(found), 64), strict=False))
