"""Detect a connection pooler in front of PostgreSQL that gives each transaction any free server session.

Session locks and prepared statements then end up in another client's session. The protocol does not reveal it; the
process ids of the server sessions do: a connection keeps its own, unless sessions are shared.
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
    """Return True if a server session changed or served two connections. TimeoutError if we get only one connection.

    A pooler hands out either the session used last or the one idle longest. Two connections that end their transactions
    in one order, and then in the other, see a change with both.
    """
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(PROBE_SECONDS):
            pair = [await _open_session(stack, connect) for _ in range(2)]
            try:
                return await _sees_sharing(pair)
            except asyncpg.PostgresError as error:
                if "statement pooling" in str(error):  # the pooler refuses transactions altogether
                    return True
                raise


async def _open_session(stack: AsyncExitStack, connect: Connect) -> Session:
    """Open a connection without named prepared statements: those of another client would collide with them."""
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
    """Begin a transaction, leave it open, and return the process id of its server session."""
    await session.execute("BEGIN")
    return int(await session.fetchval("SELECT pg_backend_pid()"))
