"""From a claimed execution to a channel on its server: the attempts, the waits between them, and what ends both."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from runner.backoff import backoff
from runner.connection import ConnectFailed, Endpoint, Shells
from runner.pool import Lease, Pool


@dataclass(frozen=True, slots=True)
class Patience:
    """With a server that cannot be reached: how many attempts (None: any number), within how many seconds in all."""

    attempts: int | None = 3
    seconds: float = 60.0
    first_pause: float = 1.0
    longest_pause: float = 10.0

    def pause(self, failures: int) -> float:
        """Seconds until the next attempt after `failures` of them: doubling, with jitter."""
        return backoff(failures, base=self.first_pause / 2, most=self.longest_pause)

    def bears(self, error: ConnectFailed) -> bool:
        """Whether to try again. Who tries any number of times also waits for a server that gives no shell now."""
        return error.passing or (self.attempts is None and error.reason == "START_FAILED")


class CancelRequested(Exception):
    """Asked to stop meanwhile."""


class Overdue(Exception):
    """It took longer than it may."""


@asynccontextmanager
async def connected(
    pool: Pool, endpoint: Endpoint, *, patience: Patience, cancelled: asyncio.Event
) -> AsyncIterator[Shells]:
    """A connection with a shell at hand. Raises ConnectFailed, or CancelRequested as soon as that is asked."""
    async with AsyncExitStack() as held:
        yield await attempts(pool, endpoint, patience=patience, cancelled=cancelled, held=held)


async def attempts(
    pool: Pool,
    endpoint: Endpoint,
    *,
    patience: Patience,
    cancelled: asyncio.Event,
    held: AsyncExitStack,
    since: float = math.inf,
) -> Shells:
    """Only failures that may pass are tried again: nothing was started yet, so a further attempt doubles nothing.

    `since`: when it was asked for, by the loop's clock.
    """
    failures = 0
    lease: Lease | None = None
    last = ConnectFailed("UNREACHABLE", f"{endpoint.host} gave no connection within {patience.seconds:g} s (timeout).")
    try:
        async with unless(cancelled, seconds=patience.seconds):
            while True:
                try:
                    async with AsyncExitStack() as attempt:
                        lease = await attempt.enter_async_context(pool.channel(endpoint))
                        await lease.prepare(since)
                        held.push_async_callback(attempt.pop_all().aclose)
                        return lease
                except ConnectFailed as error:
                    failures += 1
                    lease = None
                    last = tried(error, failures)
                    if not patience.bears(error) or failures == patience.attempts:
                        raise last from None
                await asyncio.sleep(patience.pause(failures))
    except Overdue:
        unfinished = None if lease is None else lease.unfinished
        raise unfinished or last from None


def tried(error: ConnectFailed, times: int) -> ConnectFailed:
    return error.renew(error.detail if times == 1 else f"{error.detail} Tried {times} times.")


@asynccontextmanager
async def unless(cancelled: asyncio.Event, *, seconds: float | None = None, grace: float = 0.0) -> AsyncIterator[None]:
    """Break off the block with CancelRequested, `grace` seconds after `cancelled` is set, or with Overdue."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            watch = asyncio.create_task(expire(limit, cancelled, grace), name="wait for cancel")
            try:
                yield
            finally:
                watch.cancel()
    except TimeoutError:
        if not limit.expired():
            raise
        raise (CancelRequested if cancelled.is_set() else Overdue) from None


async def expire(limit: asyncio.Timeout, cancelled: asyncio.Event, grace: float) -> None:
    await cancelled.wait()
    await asyncio.sleep(grace)
    limit.reschedule(asyncio.get_running_loop().time())
