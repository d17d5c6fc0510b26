"""What the pool keeps of each server: its connections, the channels promised on them, and who waits for one."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from runner.ssh.protocol import Endpoint, ServerConnection
from runner.ssh.session_gate import SessionGate


@dataclass(slots=True, eq=False)
class PooledConnection:
    """A connection, how many channels it may carry, and how many are promised."""

    connection: ServerConnection
    limit: int
    in_use: int = 0
    opened: int = 0
    idle_since: float = 0.0

    @property
    def has_room(self) -> bool:
        return self.connection.is_alive and self.in_use < self.limit

    @property
    def refuses_all(self) -> bool:
        """Asked of a connection that refused a channel: it opened none, and nobody still asks for one."""
        return self.opened == 0 and self.in_use == 0


@dataclass(slots=True, eq=False)
class Reservation:
    """One channel promised on a connection, until it is freed."""

    pooled: PooledConnection
    release: Callable[[PooledConnection], None]
    freed: bool = False

    def free(self, *, full: bool = False) -> None:
        """May be called again. `full`: the server refused this channel, so the connection carries fewer."""
        if self.freed:
            return
        self.freed = True
        if full:
            self.pooled.limit = min(self.pooled.limit, self.pooled.in_use - 1)
        self.release(self.pooled)


@dataclass(slots=True, eq=False)
class EndpointPool:
    """What belongs to one endpoint. `waiting` is served first come, first served."""

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
