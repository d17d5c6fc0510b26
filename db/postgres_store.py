"""PostgreSQL over asyncpg: the same units of work, run by `AsyncConnection.run_sync`."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import create_async_engine

P = ParamSpec("P")
T = TypeVar("T")

CONNECTIONS = 10


class PostgresStore:
    """See `db.store.Store`."""

    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        # Commands, output and sealed secrets are parameters: no error shows them.
        self._engine = create_async_engine(
            url, pool_size=CONNECTIONS, max_overflow=0, pool_pre_ping=True, hide_parameters=True
        )
        self._units: set[asyncio.Task[Any]] = set()

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        async def unit() -> T:
            async with self._engine.begin() as conn:
                return await conn.run_sync(fn, *args, **kwargs)

        return await self._whole(unit())

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        async def unit() -> T:
            async with self._engine.connect() as conn:
                await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                return await conn.run_sync(fn, *args, **kwargs)

        return await self._whole(unit())

    async def close(self) -> None:
        if self._units:
            await asyncio.wait(self._units)
        await self._engine.dispose()

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """The unit runs to its end even if its caller goes away: a transaction is never cut half way."""
        task = asyncio.create_task(work, name="unit of work")
        self._units.add(task)
        task.add_done_callback(self._units.discard)
        return await asyncio.shield(task)
