"""Bounds on searching: what one request may look at, and how many pieces are looked at at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

MOST_BYTES = 128 * 1024 * 1024
MOST_SECONDS = 2.0
MOST_TEXT = 1024 * 1024
FIRST_PIECE = 64 * 1024
LARGEST_PIECE = 4 * 1024 * 1024
FAST_SECONDS = 0.05


@dataclass(slots=True)
class SearchBudget:
    """The bytes and the seconds of searching, and the characters of found text, that one request has left.

    The pieces grow while they are fast, so that a slow pattern takes little longer than it may.
    """

    bytes: int = MOST_BYTES
    seconds: float = MOST_SECONDS
    text: int = MOST_TEXT
    piece: int = FIRST_PIECE
    clock: Callable[[], float] = time.monotonic

    @property
    def is_spent(self) -> bool:
        return self.bytes <= 0 or self.seconds <= 0 or self.text <= 0

    @asynccontextmanager
    async def measure(self) -> AsyncIterator[None]:
        """Count the time of the block, which looks at one piece."""
        start = self.clock()
        try:
            yield
        finally:
            took = self.clock() - start
            self.seconds -= took
            self.piece = (
                min(self.piece * 2, LARGEST_PIECE) if took < FAST_SECONDS else max(self.piece // 2, FIRST_PIECE)
            )


@dataclass(slots=True)
class SearchSlots:
    """Who waits to look at a piece: a user has `each` pieces looked at at once, all users together `all`."""

    each: int = 2
    all: int = 4
    _users: dict[int, asyncio.Semaphore] = field(default_factory=dict)
    _waiting: dict[int, int] = field(default_factory=dict)
    _every: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._every = asyncio.Semaphore(self.all)

    @asynccontextmanager
    async def reserve(self, user_id: int) -> AsyncIterator[None]:
        mine = self._users.setdefault(user_id, asyncio.Semaphore(self.each))
        self._waiting[user_id] = self._waiting.get(user_id, 0) + 1
        try:
            async with mine, self._every:
                yield
        finally:
            self._waiting[user_id] -= 1
            if not self._waiting[user_id]:
                del self._waiting[user_id], self._users[user_id]
