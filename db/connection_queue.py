"""Who waits for a connection: first come, first served, and no longer than a bound."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")

RETRY_SECONDS = 0.25
GROW_SECONDS = 10.0


class TooManyConnections(Exception):
    """The server gives this role no further connection now."""


class ConnectionQueue:
    """At most `size` holders at a time. Where the server allows fewer, it learns how many, and asks for more later.

    `seconds` bounds a whole wait: for a turn, and for a connection when the turn has come. TimeoutError beyond, or the
    server's last refusal where that is why.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._size = self._allowed = size
        self._seconds = seconds
        self._holders = 0
        self._tickets = itertools.count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._refused_at = 0.0
        self._refusal: TooManyConnections | None = None

    def reserve(self) -> None:
        """One of the connections is held beside the queue from now on."""
        self._size = max(1, self._size - 1)
        self._allowed = min(self._allowed, self._size)

    @asynccontextmanager
    async def acquire(self, connect: Callable[[], Awaitable[T]]) -> AsyncIterator[T]:
        """What `connect` gives. At TooManyConnections another holder's end is waited for, at the old place."""
        try:
            async with asyncio.timeout(self._seconds):
                made = await self._connect(next(self._tickets), connect)
        except TimeoutError:
            if self._refusal is not None:
                raise self._refusal from self._refusal.__cause__
            raise
        self._refusal = None
        try:
            yield made
        finally:
            self._leave()

    async def _connect(self, ticket: int, connect: Callable[[], Awaitable[T]]) -> T:
        while True:
            await self._enter(ticket)
            try:
                return await connect()
            except TooManyConnections as refusal:
                self._refusal = refusal
                alone = self._shrink()
            except BaseException:
                self._leave()
                raise
            if alone:  # others than we hold them: nobody tells when one of those is free
                await asyncio.sleep(RETRY_SECONDS)

    async def _enter(self, ticket: int) -> None:
        self._grow()
        if self._holders < self._allowed and not self._waiting:
            self._holders += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (ticket, turn))
        self._wake()
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have been given to us in the same moment.
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        self._holders -= 1
        self._grow()
        self._wake()

    def _wake(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._holders < self._allowed):
            _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._holders += 1
                turn.set_result(None)

    def _shrink(self) -> bool:
        """Give the turn back, and ask for no more than are held; whether no other holder is left."""
        self._holders -= 1
        self._allowed = max(1, min(self._allowed, self._holders))
        self._refused_at = asyncio.get_running_loop().time()
        return self._holders == 0

    def _grow(self) -> None:
        """By one, some time after the last refusal."""
        now = asyncio.get_running_loop().time()
        if self._allowed < self._size and now - self._refused_at > GROW_SECONDS:
            self._allowed += 1
            self._refused_at = now
