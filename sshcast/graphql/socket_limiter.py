"""How many sockets are open: of an address while they have not said who they are, and of a user from then on."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from resolvers.errors import RateLimited
from resolvers.throttle import group_address

MOST_ANONYMOUS = 100


@dataclass(slots=True)
class SocketLimiter:
    """`each` is the most sockets that one user may have open."""

    each: int
    strangers: int = MOST_ANONYMOUS
    taken: Counter[Hashable] = field(default_factory=Counter)

    def acquire(self, key: Hashable, most: int) -> bool:
        """Whether there was one."""
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
    """One socket's place, an address's at first."""

    limiter: SocketLimiter
    key: Hashable

    def assign_to_user(self, user_id: int) -> bool:
        """The user's from now on; False when they have as many as they may."""
        if not self.limiter.acquire(user_id, self.limiter.each):
            return False
        self.limiter.release(self.key)
        self.key = user_id
        return True


@contextmanager
def reserve_socket(limiter: SocketLimiter, address: str) -> Iterator[OpenSocket]:
    """A place while the block runs; RateLimited when the address has as many as it may."""
    group = group_address(address)
    if not limiter.acquire(group, limiter.strangers):
        raise RateLimited(1)
    open_socket = OpenSocket(limiter, group)
    try:
        yield open_socket
    finally:
        limiter.release(open_socket.key)
