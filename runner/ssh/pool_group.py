"""The pool's state for each server: its connections, the channels reserved on them, and the waiters."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from runner.ssh.protocol import Endpoint, ServerConnection
from runner.ssh.session_gate import SessionGate


@dataclass(slots=True, eq=False)
class PooledConnection:
    """A connection, the number of channels it may carry, and the number reserved.

    `tunnel` is the channel of the jump server's connection that carries this one, if any.
    """

    connection: ServerConnection
    limit: int
    tunnel: "Reservation | None" = None
    in_use: int = 0
    opened: int = 0
    idle_since: float = 0.0

    @property
    def has_room(self) -> bool:
        return self.connection.is_alive and self.in_use < self.limit

    @property
    def refuses_all(self) -> bool:
        """True if a connection that refused a channel opened none before, and nobody else asks it for one."""
        return self.opened == 0 and self.in_use == 0


@dataclass(slots=True, eq=False)
class Reservation:
    """One channel reserved on a connection, until it is freed."""

    pooled: PooledConnection
    release: Callable[[PooledConnection], None]
    freed: bool = False

    def free(self, *, full: bool = False) -> None:
        """Free the channel; may be called again. With `full` the server refused it, so the limit is lowered."""
        if self.freed:
            return
        self.freed = True
        if full:
            self.pooled.limit = min(self.pooled.limit, self.pooled.in_use - 1)
        self.release(self.pooled)


@dataclass(slots=True, eq=False)
class EndpointPool:
    """The pool's state for one endpoint. `waiting` is served in order."""

    endpoint: Endpoint
    gate: SessionGate = field(default_factory=SessionGate)
    connections: list[PooledConnection] = field(default_factory=list)
    waiting: deque["asyncio.Future[Reservation]"] = field(default_factory=deque)
    attempt: "asyncio.Task[None] | None" = None

    def find_free_connection(self) -> PooledConnection | None:
        return next((pooled for pooled in self.connections if pooled.has_room), None)

    def next_waiter(self) -> "asyncio.Future[Reservation] | None":
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                return waiter
        return None
