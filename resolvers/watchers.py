"""Limits on open streams, for each user and in all: a stream costs memory and queries."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from resolvers.errors import RateLimited

RETRY_SECONDS = 10


@dataclass(slots=True)
class StreamLimiter:
    """Counts open streams. `each` is the most for one user, `all` the most for all users together."""

    each: int = 100
    all: int = 2000
    _open: Counter[int] = field(default_factory=Counter)

    def count_open(self) -> int:
        return self._open.total()

    @contextmanager
    def reserve(self, user_id: int) -> Iterator[None]:
        """Count a stream of the user during the block. RateLimited if there are too many."""
        if self._open[user_id] >= self.each:
            raise RateLimited(
                RETRY_SECONDS,
                f"You have {self.each} streams open already: close one first.",
                f"您已打开 {self.each} 个流，请先关闭一个。",
            )
        if self._open.total() >= self.all:
            raise RateLimited(RETRY_SECONDS, f"{self.all} streams are open already.", f"已有 {self.all} 个流打开。")
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]
