"""Keeps connections for further commands: channels up to the server's limit, then more connections.

Each endpoint has its own connections and one connection attempt at a time, so that a slow or dead host delays no other.
An endpoint is identified by all its fields: with another key, credential or host it gets its own connections.
A jump server is an endpoint too: servers behind it share its connection, and each connection to one holds a channel.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Protocol

from runner.ssh.handshake import AnsweredShell, NoAnswer, build_no_answer
from runner.ssh.jumps.messages import explain_jump_failure
from runner.ssh.pool_group import EndpointPool, PooledConnection, Reservation
from runner.ssh.protocol import ChannelRefused, ConnectFailed, Endpoint, Exit, OnClosed, OnOutput, ServerConnection
from runner.ssh.session_gate import SessionGate

Connect = Callable[[Endpoint], Awaitable[ServerConnection]]
Clock = Callable[[], float]


class ConnectThrough(Protocol):
    """Makes a connection through one to its jump server. Raises ConnectFailed."""

    async def __call__(self, endpoint: Endpoint, *, through: ServerConnection) -> ServerConnection: ...


class Pool:
    """The pool. `connect` makes a connection or raises ConnectFailed; one idle for `idle_seconds` is closed.

    `connect_through` makes one to an endpoint with a jump server, through a connection to that.
    `start_seconds` is how long a server may take from the request of a session to the answer of a shell in it. `clock`
    is in seconds.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        connect_through: ConnectThrough | None = None,
        idle_seconds: float = 60.0,
        start_seconds: float = 60.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self.start_seconds = start_seconds
        self._connect = connect
        self._connect_through = connect_through
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._groups: dict[Endpoint, EndpointPool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def tunnel(self, jump: Endpoint) -> AsyncIterator[ServerConnection]:
        """Yield a connection to a jump server, with one channel reserved. Raises ConnectFailed."""
        reservation = await self._reserve_tunnel(jump)
        try:
            yield reservation.pooled.connection
        finally:
            reservation.free()

    @asynccontextmanager
    async def channel(self, endpoint: Endpoint) -> AsyncIterator["PooledSession"]:
        """Yield a session with one channel reserved. Raises ConnectFailed."""
        session = PooledSession(self, endpoint, await self.reserve(endpoint))
        try:
            yield session
        finally:
            await session.close()

    async def reserve(self, endpoint: Endpoint) -> Reservation:
        """Reserve one channel, to be freed later; connect if all connections are full. Raises ConnectFailed."""
        if self._closed:
            raise ConnectFailed("UNREACHABLE", "sshcast is stopping and makes no connections. Run it again later.")
        self._sweeper = self._sweeper or asyncio.create_task(self._sweep_always(), name="idle SSH connections")
        group = self._groups.setdefault(endpoint, EndpointPool(endpoint))
        waiter: asyncio.Future[Reservation] = asyncio.get_running_loop().create_future()
        group.waiting.append(waiter)
        self._serve(group)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                waiter.result().free()
            raise

    def refuse(self, endpoint: Endpoint, error: ConnectFailed) -> None:
        """Fail all waiters for the endpoint: the server opens no channel at all."""
        self._fail_waiters(self._groups[endpoint], error)

    def find_gate(self, endpoint: Endpoint) -> SessionGate:
        """Return the gate that a holder of a channel passes before it opens a session."""
        return self._groups[endpoint].gate

    def list_connections(self) -> list[PooledConnection]:
        return [pooled for group in self._groups.values() for pooled in group.connections]

    async def sweep(self) -> None:
        """Close connections that were idle for too long, and drop endpoints that are not in use."""
        now = self._clock()
        for endpoint, group in tuple(self._groups.items()):
            for pooled in tuple(group.connections):
                if pooled.in_use == 0 and now - pooled.idle_since >= self._idle_seconds:
                    self._drop(group, pooled)
            self._drop_dead(group)
            if not group.connections and not group.waiting and group.attempt is None:
                del self._groups[endpoint]

    async def close(self) -> None:
        """Close every connection, with all commands on it."""
        self._closed = True
        groups = tuple(self._groups.values())
        running = [task for task in (self._sweeper, *(group.attempt for group in groups)) if task is not None]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        for group in groups:
            self._fail_waiters(group, ConnectFailed("UNREACHABLE", "sshcast is stopping. Run it again later."))
            for pooled in tuple(group.connections):
                self._drop(group, pooled)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _serve(self, group: EndpointPool) -> None:
        """Hand free channels to the waiters; connect if there is none."""
        while (pooled := group.find_free_connection()) is not None:
            waiter = group.next_waiter()
            if waiter is None:
                return
            pooled.in_use += 1
            waiter.set_result(Reservation(pooled, partial(self._release, group)))
        if group.waiting and group.attempt is None and not self._closed:
            group.attempt = asyncio.create_task(self._add_connection(group), name=f"connect to {group.endpoint.host}")

    def _release(self, group: EndpointPool, pooled: PooledConnection) -> None:
        pooled.in_use -= 1
        pooled.idle_since = self._clock()
        self._drop_dead(group)
        self._serve(group)

    async def _add_connection(self, group: EndpointPool) -> None:
        try:
            pooled = await self._make_connection(group.endpoint)
        except Exception as error:
            group.attempt = None
            self._fail_waiters(group, error)
            return
        group.attempt = None
        group.connections.append(pooled)
        if not pooled.connection.is_alive:
            closed = "The server closed the connection at once. Look at its log."
            self._fail_waiters(group, ConnectFailed("UNREACHABLE", closed, passing=True))
        self._drop_dead(group)
        self._serve(group)

    async def _make_connection(self, endpoint: Endpoint) -> PooledConnection:
        limit = max(1, endpoint.max_channels)
        if endpoint.jump is None:
            return PooledConnection(await self._connect(endpoint), limit, idle_since=self._clock())
        tunnel = await self._reserve_tunnel(endpoint.jump)
        try:
            assert self._connect_through is not None
            connection = await self._connect_through(endpoint, through=tunnel.pooled.connection)
        except BaseException:
            tunnel.free()
            raise
        return PooledConnection(connection, limit, tunnel, idle_since=self._clock())

    async def _reserve_tunnel(self, jump: Endpoint) -> Reservation:
        try:
            return await self.reserve(jump)
        except ConnectFailed as error:
            raise explain_jump_failure(jump, error) from None

    def _fail_waiters(self, group: EndpointPool, error: Exception) -> None:
        """Fail all waiters of an attempt at once, rather than one after the other at their own time limits."""
        while (waiter := group.next_waiter()) is not None:
            waiter.set_exception(error.renew() if isinstance(error, ConnectFailed) else error)

    def _drop_dead(self, group: EndpointPool) -> None:
        for pooled in tuple(group.connections):
            if pooled.in_use == 0 and (pooled.limit == 0 or not pooled.connection.is_alive):
                self._drop(group, pooled)

    def _drop(self, group: EndpointPool, pooled: PooledConnection) -> None:
        group.connections.remove(pooled)
        task = asyncio.create_task(self._hang_up(pooled), name=f"hang up on {group.endpoint.host}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hang_up(self, pooled: PooledConnection) -> None:
        with suppress(OSError):
            await pooled.connection.close()
        if pooled.tunnel is not None:
            pooled.tunnel.free()

    async def _sweep_always(self) -> None:
        while True:
            await asyncio.sleep(max(self._idle_seconds / 4, 0.05))
            await self.sweep()


class PooledSession:
    """A `runner.ssh.protocol.ShellSource`. While its own channel is taken, each further shell gets another channel.

    If a shell does not answer, another connection is tried where that may help: a stale one gives no other sign.
    `unfinished` is the error to report if the wait for a shell is interrupted.
    """

    def __init__(self, pool: Pool, endpoint: Endpoint, reservation: Reservation) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._spare: Reservation | None = reservation
        self._ready: AnsweredShell | None = None
        self._over = False
        self.unfinished: ConnectFailed | None = None

    async def prepare(self, since: float = math.inf) -> None:
        """Open the next shell in advance; it was wanted `since` then, by the loop's clock. Raises ConnectFailed."""
        self._ready = await self._next_shell(since)

    async def open_shell(self, *, on_output: OnOutput, on_closed: OnClosed | None = None) -> AnsweredShell:
        shell = await self._next_shell()
        shell.listen(on_output, on_closed)
        return shell

    async def close(self) -> None:
        """Give the channel back. A command that still runs keeps its own until it ends."""
        self._over = True
        if self._ready is not None:
            self._ready.process.abort()
        if self._spare is not None:
            self._spare.free()

    async def _next_shell(self, since: float = math.inf) -> AnsweredShell:
        shell, self._ready = self._ready, None
        stale = 0
        while shell is None or not shell.is_open:
            reservation = await self._next_reservation()
            try:
                shell = await self._begin(reservation, since)
            except ChannelRefused as refused:
                self._drop(reservation, full=True)
                stale += not reservation.pooled.connection.is_alive
                if reservation.pooled.refuses_all and (reservation.pooled.connection.is_alive or stale > 1):
                    refused.passing = refused.passing or not reservation.pooled.connection.is_alive
                    self._pool.refuse(self._endpoint, refused)
                    raise
            except BaseException:
                self._drop(reservation, full=False)
                raise
            else:
                reservation.pooled.opened += 1
        return shell

    async def _begin(self, reservation: Reservation, since: float) -> AnsweredShell:
        loop, gate = asyncio.get_running_loop(), self._pool.find_gate(self._endpoint)
        asked = loop.time()
        deadline = asked + self._pool.start_seconds
        self.unfinished = build_no_answer(self._pool.start_seconds)
        opening = await gate.enter(self._pool.start_seconds, since)
        shell = AnsweredShell(partial(self._reuse_or_free, reservation))
        try:
            await shell.begin(reservation.pooled.connection, deadline - loop.time())
        except NoAnswer as error:
            gate.fail(error)
            raise
        except asyncio.CancelledError:
            self.unfinished = shell.explain_silence(loop.time() - asked)
            raise
        finally:
            gate.settle(opening, answered=shell.is_answered)
        return shell

    async def _next_reservation(self) -> Reservation:
        reservation, self._spare = self._spare, None
        if reservation is not None and reservation.pooled.connection.is_alive:
            return reservation
        if reservation is not None:
            reservation.free()
        return await self._pool.reserve(self._endpoint)

    def _drop(self, reservation: Reservation, *, full: bool) -> None:
        """Free a reservation in which nothing runs; it may have become the spare one meanwhile."""
        self._spare = None if self._spare is reservation else self._spare
        reservation.free(full=full)

    def _reuse_or_free(self, reservation: Reservation, exit: Exit) -> None:
        if self._over or self._spare is not None or reservation.freed:
            reservation.free()
        else:
            self._spare = reservation
