"""Limits the open WebSockets: by address until the caller has signed in, by user from then on."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from resolvers.errors import RateLimited
from resolvers.throttle import group_address

MOST_ANONYMOUS = 100


@dataclass(slots=True)
class SocketLimiter:
    """Counts open sockets. `each` is the most that one user may have."""

    each: int
    strangers: int = MOST_ANONYMOUS
    taken: Counter[Hashable] = field(default_factory=Counter)

    def acquire(self, key: Hashable, most: int) -> bool:
        """Count one more socket for the key; return False if it has `most` already."""
        if self.taken[key] >= most:
            return False
        self.taken[key] += 1
        return True

    def release(self, key: Hashable) -> None:
        self.taken[key] -= 1
        if not self.taken[key]:
            del self.taken[key]


@dataclass(slots=True)
class OpenSocket:
    """One counted socket, at first by its address."""

    limiter: SocketLimiter
    key: Hashable

    def assign_to_user(self, user_id: int) -> bool:
        """Count the socket for the user from now on; return False if they have as many as they may."""
        if not self.limiter.acquire(user_id, self.limiter.each):
            return False
        self.limiter.release(self.key)
        self.key = user_id
        return True


@contextmanager
def reserve_socket(limiter: SocketLimiter, address: str) -> Iterator[OpenSocket]:
    """Count a socket while the block runs; raise RateLimited if the address has as many as it may."""
    group = group_address(address)
    if not limiter.acquire(group, limiter.strangers):
        raise RateLimited(1)
    open_socket = OpenSocket(limiter, group)
    try:
        yield open_socket
    finally:
        limiter.release(open_socket.key)
