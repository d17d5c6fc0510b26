"""How many sockets are open: of an address while they have not said who they are, and of a user from then on."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from resolvers.errors import RateLimited
from resolvers.throttle import group_of

MOST_STRANGERS = 100


@dataclass(slots=True)
class Seats:
    """`each` is the most sockets that one user may have open."""

    each: int
    strangers: int = MOST_STRANGERS
    taken: Counter[Hashable] = field(default_factory=Counter)

    def take(self, key: Hashable, most: int) -> bool:
        """Whether there was one."""
        if self.taken[key] >= most:
            return False
        self.taken[key] += 1
        return True

    def leave(self, key: Hashable) -> None:
        self.taken[key] -= 1
        if not self.taken[key]:
            del self.taken[key]


@dataclass(slots=True)
class Seat:
    """One socket's place, an address's at first."""

    seats: Seats
    key: Hashable

    def become(self, user_id: int) -> bool:
        """The user's from now on; False when they have as many as they may."""
        if not self.seats.take(user_id, self.seats.each):
            return False
        self.seats.leave(self.key)
        self.key = user_id
        return True


@contextmanager
def seated(seats: Seats, address: str) -> Iterator[Seat]:
    """A place while the block runs; RateLimited when the address has as many as it may."""
    group = group_of(address)
    if not seats.take(group, seats.strangers):
        raise RateLimited(1)
    seat = Seat(seats, group)
    try:
        yield seat
    finally:
        seats.leave(seat.key)
