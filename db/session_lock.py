"""A PostgreSQL lock that ends with this process's session: other runners see a death before the lease has ended."""

from typing import Protocol, runtime_checkable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.runners import SESSION_LOCKS

HOLD = text("SELECT pg_try_advisory_lock(:space, hashtext(:id))")
HOLDS = text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND objsubid = 2"
    " AND classid = :space AND objid = hashtext(:id)::oid AND granted)"
)


class SessionLock:
    """An advisory lock on its own connection. If the connection is lost, the next `hold` opens another."""

    def __init__(self, engine: AsyncEngine, id: str) -> None:
        self._engine = engine
        self._key = {"space": SESSION_LOCKS, "id": id}
        self._connection: AsyncConnection | None = None

    async def hold(self) -> None:
        """Take the lock if it is not held. Raises the driver's error if the database is away."""
        try:
            conn = await self._open_session()
            if not await conn.scalar(HOLDS, self._key):
                await conn.execute(HOLD, self._key)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the session, which releases the lock."""
        conn, self._connection = self._connection, None
        if conn is not None:
            await conn.invalidate()
            await conn.close()

    async def _open_session(self) -> AsyncConnection:
        if self._connection is None:
            conn = await self._engine.connect()
            self._connection = await conn.execution_options(isolation_level="AUTOCOMMIT")
        return self._connection


@runtime_checkable
class LockingStore(Protocol):
    """A store that several processes may use at once: PostgreSQL's. Asking for this imports no driver."""

    def session_lock(self, id: str) -> SessionLock:
        """Return the lock of the runner with this id; it is not held yet."""
