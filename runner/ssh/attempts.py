"""From a claimed execution to a channel on its server: the attempts, the waits between them, and what ends both."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from runner.backoff import backoff
from runner.ssh.pool import Pool, PooledSession
from runner.ssh.protocol import ConnectFailed, Endpoint, ShellSource


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """With a server that cannot be reached: how many attempts (None: any number), within how many seconds in all."""

    attempts: int | None = 3
    seconds: float = 60.0
    first_pause: float = 1.0
    longest_pause: float = 10.0

    def pause(self, failures: int) -> float:
        """Seconds until the next attempt after `failures` of them: doubling, with jitter."""
        return backoff(failures, base=self.first_pause / 2, most=self.longest_pause)

    def retries(self, error: ConnectFailed) -> bool:
        """Whether to try again. Who tries any number of times also waits for a server that gives no shell now."""
        return error.passing or (self.attempts is None and error.reason == "START_FAILED")


class CancelRequested(Exception):
    """Asked to stop meanwhile."""


class DeadlineExceeded(Exception):
    """It took longer than it may."""


@asynccontextmanager
async def open_session(
    pool: Pool, endpoint: Endpoint, *, patience: RetryPolicy, cancelled: asyncio.Event
) -> AsyncIterator[ShellSource]:
    """A connection with a shell at hand. Raises ConnectFailed, or CancelRequested as soon as that is asked."""
    async with AsyncExitStack() as held:
        yield await connect_with_retries(pool, endpoint, patience=patience, cancelled=cancelled, held=held)


async def connect_with_retries(
    pool: Pool,
    endpoint: Endpoint,
    *,
    patience: RetryPolicy,
    cancelled: asyncio.Event,
    held: AsyncExitStack,
    since: float = math.inf,
) -> ShellSource:
    """Only failures that may pass are tried again: nothing was started yet, so a further attempt doubles nothing.

    `since`: when it was asked for, by the loop's clock.
    """
    failures = 0
    session: PooledSession | None = None
    last = ConnectFailed("UNREACHABLE", f"{endpoint.host} gave no connection within {patience.seconds:g} s (timeout).")
    try:
        async with interruptible(cancelled, seconds=patience.seconds):
            while True:
                try:
                    async with AsyncExitStack() as attempt:
                        session = await attempt.enter_async_context(pool.channel(endpoint))
                        await session.prepare(since)
                        held.push_async_callback(attempt.pop_all().aclose)
                        return session
                except ConnectFailed as error:
                    failures += 1
                    session = None
                    last = _add_tries(error, failures)
                    if not patience.retries(error) or failures == patience.attempts:
                        raise last from None
                await asyncio.sleep(patience.pause(failures))
    except DeadlineExceeded:
        unfinished = None if session is None else session.unfinished
        raise unfinished or last from None


def _add_tries(error: ConnectFailed, times: int) -> ConnectFailed:
    return error.renew(error.detail if times == 1 else f"{error.detail} Tried {times} times.")


@asynccontextmanager
async def interruptible(
    cancelled: asyncio.Event, *, seconds: float | None = None, grace: float = 0.0
) -> AsyncIterator[None]:
    """Break off the block with CancelRequested, `grace` seconds after `cancelled` is set, or with Overdue."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            watch = asyncio.create_task(_expire_on_cancel(limit, cancelled, grace), name="wait for cancel")
            try:
                yield
            finally:
                watch.cancel()
    except TimeoutError:
        if not limit.expired():
            raise
        raise (CancelRequested if cancelled.is_set() else DeadlineExceeded) from None


async def _expire_on_cancel(limit: asyncio.Timeout, cancelled: asyncio.Event, grace: float) -> None:
    await cancelled.wait()
    await asyncio.sleep(grace)
    limit.reschedule(asyncio.get_running_loop().time())
