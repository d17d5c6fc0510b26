"""The connection of a run to its server, one at a time."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from db.values import Mode
from runner.callback_event import CallbackEvent
from runner.execution.run_record import RunRecord
from runner.ssh.attempts import CancelRequested, RetryPolicy, connect_with_retries
from runner.ssh.protocol import Endpoint, ShellSource

BEYOND_LIMIT_SECONDS = 600.0
LAST_TRY = RetryPolicy(attempts=None, seconds=30.0)


class Connector:
    """Connects for as long as the run's stage justifies. A new connection replaces the one before.

    `reached` is set once the server gave a connection, and `when_reached` was called; `connected` while there is one.
    """

    def __init__(
        self, record: RunRecord, target: Endpoint, cancelled: CallbackEvent, when_reached: Callable[[], object]
    ) -> None:
        self.target = target
        self.reached = False
        self.connected = False
        self._record = record
        self._cancelled = cancelled
        self._when_reached = when_reached
        self._held = AsyncExitStack()

    async def connect(self) -> ShellSource:
        """A connection with a shell that has answered. Raises ConnectFailed; before the start, also CancelRequested."""
        await self.disconnect()
        shells = await self._try_connecting()
        self.connected = True
        self._when_reached()
        self.reached = True
        return shells

    async def disconnect(self) -> None:
        """Give the connection back to the pool, if there is one. A command on it keeps its channel until it ends."""
        self.connected = False
        held, self._held = self._held, AsyncExitStack()
        await held.aclose()

    async def _try_connecting(self) -> ShellSource:
        record, parts, row = self._record, self._record.parts, self._record.row
        connect = partial(connect_with_retries, parts.pool, self.target, held=self._held)
        if not record.begun:
            age = (parts.clock() - row.created_at).total_seconds()
            since = asyncio.get_running_loop().time() - age
            return await connect(retry_policy=parts.retry_policy, cancelled=self._cancelled, since=since)
        if record.mode == Mode.ATTACHED:
            return await connect(retry_policy=LAST_TRY, cancelled=CallbackEvent())
        try:
            seconds = row.timeout_seconds + BEYOND_LIMIT_SECONDS
            return await connect(retry_policy=RetryPolicy(attempts=None, seconds=seconds), cancelled=self._cancelled)
        except CancelRequested:
            return await connect(retry_policy=LAST_TRY, cancelled=CallbackEvent())
