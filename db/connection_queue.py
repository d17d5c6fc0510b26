"""A queue for database connections: first come, first served, with a time limit."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")

CONNECTIONS = 10
RETRY_SECONDS = 0.25
GROW_SECONDS = 10.0


class TooManyConnections(Exception):
    """The database server refuses this role a further connection for now."""


@runtime_checkable
class CountedStore(Protocol):
    """A store whose connections are counted: PostgreSQL's. Asking for this imports no driver."""

    def count_connections(self) -> int:
        """Return how many connections are in use now."""


class ConnectionQueue:
    """Lends at most `size` connections at a time. If the server allows fewer, it lowers the limit and raises it later.

    `seconds` bounds the whole wait: for a turn, and then for the connection. After that `acquire` raises TimeoutError,
    or TooManyConnections if the server's refusal was the reason.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._size = self._allowed = size
        self._seconds = seconds
        self._holders = 0
        self._tickets = itertools.count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._refused_at = 0.0
        self._refusal: TooManyConnections | None = None

    def count_in_use(self) -> int:
        """Return how many connections are lent now."""
        return self._holders

    def reserve(self) -> None:
        """Lower the size by one, for a connection that is held outside the queue from now on."""
        self._size = max(1, self._size - 1)
        self._allowed = min(self._allowed, self._size)

    @asynccontextmanager
    async def acquire(self, connect: Callable[[], Awaitable[T]]) -> AsyncIterator[T]:
        """Yield the result of `connect`. On TooManyConnections, wait for a holder to finish, first in line."""
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
            if alone:  # other programs hold the connections, and nothing notifies us when one is free
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
            # The turn may have been granted at the moment of the cancellation.
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
        """Give the turn back and lower the limit to the number of holders. Return whether no holder is left."""
        self._holders -= 1
        self._allowed = max(1, min(self._allowed, self._holders))
        self._refused_at = asyncio.get_running_loop().time()
        return self._holders == 0

    def _grow(self) -> None:
        """Raise the limit by one if the last refusal is more than GROW_SECONDS ago."""
        now = asyncio.get_running_loop().time()
        if self._allowed < self._size and now - self._refused_at > GROW_SECONDS:
            self._allowed += 1
            self._refused_at = now
