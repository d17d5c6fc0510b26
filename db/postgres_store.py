"""The store on PostgreSQL over asyncpg. Units of work are run by `AsyncConnection.run_sync`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction, create_async_engine

from db.after_commit import Listener, WritingUnit
from db.connection_failures import describe_failure
from db.connection_queue import CONNECTIONS, ConnectionQueue, TooManyConnections
from db.database_url import DatabaseUrl
from db.host_lookups import HostLookups
from db.postgres_connect import connect
from db.postgres_pool import check_connections
from db.session_lock import SessionLock
from db.unavailable import (
    StoreOutcomeUnknown,
    StoreUnavailable,
    is_postgres_commit_unknown,
    is_postgres_full,
    is_postgres_unavailable,
)
from db.writer_memory import share

P = ParamSpec("P")
T = TypeVar("T")

QUEUE_SECONDS = 30.0
CLOSE_SECONDS = 2.0
"""How long a store that is closed waits for units that have no connection yet."""
CLOSED = "the store is closed"
READING: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class PostgresStore:
    """A store on PostgreSQL, see `db.store.Store`. It uses at most `connections`, including that of a session lock."""

    dialect = "postgresql"

    def __init__(self, url: DatabaseUrl, connections: int = CONNECTIONS, listener: Listener | None = None) -> None:
        self._closed = False
        self.url = url
        self._queue = ConnectionQueue(connections, QUEUE_SECONDS)
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            # Parameters hold commands, output and sealed secrets: keep them out of error messages.
            hide_parameters=True,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=QUEUE_SECONDS,
            connect_args={"async_creator_fn": partial(connect, url, HostLookups())},
        )
        check_connections(self._engine.sync_engine)
        share(self._engine.sync_engine)
        self._units: set[asyncio.Task[Any]] = set()
        self._unconnected: set[asyncio.Task[Any]] = set()
        self._listener = listener

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        work = WritingUnit(lambda conn: fn(conn, *args, **kwargs), self._listener)

        async def unit() -> T:
            async with self._borrow_connection() as conn, _commit_or_roll_back(await conn.begin()):
                found = await conn.run_sync(work)
            work.report()
            return found

        return await self._run_to_end(unit())

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        async def unit() -> T:
            async with self._borrow_connection() as conn:
                await conn.execution_options(**READING)
                return await conn.run_sync(fn, *args, **kwargs)

        return await self._run_to_end(unit())

    async def read_fact(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        async def unit() -> T:
            async with self._borrow_connection() as conn:
                await conn.execution_options(isolation_level="AUTOCOMMIT")
                return await conn.run_sync(fn, *args, **kwargs)

        return await self._run_to_end(unit())

    def session_lock(self, id: str) -> SessionLock:
        """Return a lock for the runner `id`, not taken yet. It reserves one connection."""
        self._queue.reserve()
        return SessionLock(self._engine, id)

    def count_connections(self) -> int:
        """Return how many connections are in use now."""
        return self._queue.count_in_use()

    async def release(self) -> None:
        """Close the connections that are not in use."""
        await self._engine.dispose()

    async def close(self) -> None:
        """Wait for the units. Those that have no connection after CLOSE_SECONDS, and so did nothing, are ended."""
        self._closed = True
        if self._units:
            await asyncio.wait(self._units, timeout=CLOSE_SECONDS)
        for task in tuple(self._unconnected):
            task.cancel()
        if self._units:
            await asyncio.wait(self._units)
        await self._engine.dispose()

    @asynccontextmanager
    async def _borrow_connection(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection. StoreUnavailable if there is none, or if it is lost within the block."""
        async with AsyncExitStack() as stack:
            try:
                conn = await self._acquire(stack)
            except StoreUnavailable:
                raise
            except Exception as error:
                raise StoreUnavailable(describe_failure(error, self.url)) from error
            stack.push_async_callback(_release_connection, conn)
            try:
                yield conn
            except Exception as error:
                if is_postgres_unavailable(error):
                    raise StoreUnavailable() from error
                raise

    async def _acquire(self, stack: AsyncExitStack) -> AsyncConnection:
        """Return a connection, which the stack gives back. Meanwhile `close` may end the unit."""
        task = asyncio.current_task()
        assert task is not None, "a unit of work is a task"
        self._unconnected.add(task)
        try:
            return await stack.enter_async_context(self._queue.acquire(self._connect))
        except asyncio.CancelledError:
            if not self._closed:
                raise
            raise StoreUnavailable(CLOSED) from None
        finally:
            self._unconnected.discard(task)

    async def _connect(self) -> AsyncConnection:
        try:
            return await self._engine.connect()
        except Exception as error:
            if is_postgres_full(error):
                raise TooManyConnections() from error
            raise

    def _forget(self, task: asyncio.Task[Any]) -> None:
        """Mark the error as retrieved: only the caller needs it, and without one asyncio would log it."""
        self._units.discard(task)
        if not task.cancelled():
            task.exception()

    async def _run_to_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the unit to its end even if its caller is cancelled, so that a transaction is never cut off."""
        if self._closed:
            work.close()
            raise StoreUnavailable(CLOSED)
        task = asyncio.create_task(work, name="unit of work")
        self._units.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)


@asynccontextmanager
async def _commit_or_roll_back(transaction: AsyncTransaction) -> AsyncIterator[None]:
    """Commit at the end, or roll back on an error. StoreOutcomeUnknown if the commit may have been carried out."""
    try:
        yield
    except BaseException:
        await _roll_back(transaction)
        raise
    try:
        await transaction.commit()
    except Exception as error:
        if is_postgres_commit_unknown(error):
            raise StoreOutcomeUnknown() from error
        raise


async def _roll_back(transaction: AsyncTransaction) -> None:
    """Roll back. Errors of a lost connection are ignored, so that the original error is raised."""
    try:
        await transaction.rollback()
    except Exception as error:
        if not is_postgres_unavailable(error):
            raise


async def _release_connection(conn: AsyncConnection) -> None:
    """Return the connection to the pool. Its work is done, so an error of a lost connection is ignored."""
    try:
        await conn.close()
    except Exception as error:
        if not is_postgres_unavailable(error):
            raise
