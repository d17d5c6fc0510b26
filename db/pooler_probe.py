"""Whether a pooler between us and PostgreSQL hands our sessions' transactions out to whichever server session is free.

Then a lock or a prepared statement of a session is another's in the next transaction. Nothing in the protocol says so:
it is seen by the process ids of the server sessions, which stay a connection's, and its alone, unless they are shared.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg

PROBE_SECONDS = 10.0
Session = Any
Connect = Callable[..., Awaitable[Session]]


async def shares_sessions(connect: Connect) -> bool:
    """True where a server session was seen to change, or to be had by two. TimeoutError when there is only one for us.

    Poolers give either the session that was used last or the one that has rested longest: two connections that end
    their transactions in one order, and then in the other, see a change with both.
    """
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(PROBE_SECONDS):
            pair = [await _connected(stack, connect) for _ in range(2)]
            try:
                return await _sees_sharing(pair)
            except asyncpg.PostgresError as error:
                if "statement pooling" in str(error):  # there is not even a transaction
                    return True
                raise


async def _connected(stack: AsyncExitStack, connect: Connect) -> Session:
    """Without statements kept by name: those of another would be in their way."""
    session = await connect(statement_cache_size=0)
    stack.callback(session.terminate)
    return session


async def _sees_sharing(pair: list[Session]) -> bool:
    pids = []
    for session in pair:
        pids.append(await _begin(session))
        await session.execute("COMMIT")
    if pids[0] == pids[1]:
        return True
    for order in (pair, pair[::-1], pair, pair[::-1]):
        if [await _begin(session) for session in pair] != pids:
            return True
        for session in order:
            await session.execute("COMMIT")
    return False


async def _begin(session: Session) -> int:
    """A transaction, left open; the process id of the server session that it is in."""
    await session.execute("BEGIN")
    return int(await session.fetchval("SELECT pg_backend_pid()"))
