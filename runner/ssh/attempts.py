"""From a claimed execution to a channel on its server: attempts, the waits between them, and what ends both."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from runner.backoff import backoff
from runner.callback_event import CallbackEvent
from runner.ssh.pool import Pool, PooledSession
from runner.ssh.protocol import ConnectFailed, Endpoint, ShellSource


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to try a server that cannot be reached: `attempts` at most (None: any number), `seconds` in all."""

    attempts: int | None = 3
    seconds: float = 60.0
    first_pause: float = 1.0
    longest_pause: float = 10.0

    def pause(self, failures: int) -> float:
        """Return the seconds before the next attempt after `failures` of them: doubling, with jitter."""
        return backoff(failures, base=self.first_pause / 2, most=self.longest_pause)

    def retries(self, error: ConnectFailed) -> bool:
        """True if the error may pass. Without a limit of attempts, a server that gives no shell is waited for too."""
        return error.passing or (self.attempts is None and error.reason == "START_FAILED")


class CancelRequested(Exception):
    """The run was cancelled while it waited."""


class DeadlineExceeded(Exception):
    """The time limit of the block was exceeded."""


@asynccontextmanager
async def open_session(
    pool: Pool, endpoint: Endpoint, *, retry_policy: RetryPolicy, cancelled: CallbackEvent
) -> AsyncIterator[ShellSource]:
    """Open a connection with a shell ready. Raises ConnectFailed, or CancelRequested as soon as `cancelled` is set."""
    async with AsyncExitStack() as held:
        yield await connect_with_retries(pool, endpoint, retry_policy=retry_policy, cancelled=cancelled, held=held)


async def connect_with_retries(
    pool: Pool,
    endpoint: Endpoint,
    *,
    retry_policy: RetryPolicy,
    cancelled: CallbackEvent,
    held: AsyncExitStack,
    since: float = math.inf,
) -> ShellSource:
    """Connect, with retries of failures that may pass: nothing has been started yet, so no retry can repeat a command.

    `since` is when the connection was first wanted, by the loop's clock.
    """
    failures = 0
    session: PooledSession | None = None
    last = ConnectFailed(
        "UNREACHABLE", f"{endpoint.host} gave no connection within {retry_policy.seconds:g} s (timeout)."
    )
    try:
        async with interruptible(cancelled, seconds=retry_policy.seconds):
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
                    if not retry_policy.retries(error) or failures == retry_policy.attempts:
                        raise last from None
                await asyncio.sleep(retry_policy.pause(failures))
    except DeadlineExceeded:
        unfinished = None if session is None else session.unfinished
        raise unfinished or last from None


def _add_tries(error: ConnectFailed, times: int) -> ConnectFailed:
    return error.renew(error.detail if times == 1 else f"{error.detail} Tried {times} times.")


@asynccontextmanager
async def interruptible(
    cancelled: CallbackEvent, *, seconds: float | None = None, grace: float = 0.0
) -> AsyncIterator[None]:
    """Interrupt the block: CancelRequested `grace` seconds after `cancelled`, DeadlineExceeded after `seconds`."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            with cancelled.calling(partial(_expire_after, limit, grace)):
                yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise (CancelRequested if cancelled.is_set() else DeadlineExceeded) from None


def _expire_after(limit: asyncio.Timeout, grace: float) -> None:
    """Bring the end of a time limit forward, if it is not there yet."""
    at = asyncio.get_running_loop().time() + grace
    if not limit.expired() and (limit.when() or math.inf) > at:
        limit.reschedule(at)
