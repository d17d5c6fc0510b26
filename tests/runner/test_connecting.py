"""Attempts to connect: what is tried again, how often, for how long, and that a cancel ends it at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from runner.callback_event import CallbackEvent
from runner.ssh.attempts import CancelRequested, RetryPolicy, interruptible, open_session
from runner.ssh.client import ConnectFailed, Endpoint, ServerConnection, connect
from runner.ssh.pool import Pool
from tests.support.targets import Target, run_in_shell
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

QUICK = RetryPolicy(attempts=4, first_pause=0.01)


class Scripted:
    """Fails as told, one error an attempt, then really connects."""

    def __init__(self, *failures: ConnectFailed) -> None:
        self.failures = list(failures)
        self.attempts = 0

    async def __call__(self, endpoint: Endpoint) -> ServerConnection:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        return await connect(endpoint)


class Silent:
    """Never connects."""

    def __init__(self) -> None:
        self.going_on = 0

    async def __call__(self, endpoint: Endpoint) -> ServerConnection:
        self.going_on += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.going_on -= 1
        raise AssertionError("never")


@asynccontextmanager
async def pooled(connecting: Scripted | Silent) -> AsyncIterator[Pool]:
    pool = Pool(connecting)
    yield pool
    await pool.close()


def passing(text: str = "no luck") -> ConnectFailed:
    return ConnectFailed("UNREACHABLE", text, passing=True)


async def test_a_failure_that_may_pass_is_tried_again(demo_target: Target) -> None:
    scripted = Scripted(passing(), passing())
    async with pooled(scripted) as pool:
        endpoint = demo_target.endpoint()
        async with open_session(pool, endpoint, retry_policy=QUICK, cancelled=CallbackEvent()) as shells:
            assert (await run_in_shell(shells, "exit 3"))[0].status == 3
    assert scripted.attempts == 3


async def test_attempts_end_with_the_last_failure_and_say_how_many_there_were(demo_target: Target) -> None:
    scripted = Scripted(*(passing(f"attempt {n}.") for n in range(1, 10)))
    async with pooled(scripted) as pool:
        with pytest.raises(ConnectFailed) as failed:
            async with open_session(pool, demo_target.endpoint(), retry_policy=QUICK, cancelled=CallbackEvent()):
                raise AssertionError("never")
    assert failed.value.detail == "attempt 4. Tried 4 times."
    assert scripted.attempts == 4


@pytest.mark.parametrize("reason", ["AUTH_FAILED", "HOST_KEY_UNKNOWN", "HOST_KEY_CHANGED", "UNREACHABLE"])
async def test_a_failure_that_will_not_pass_is_not_tried_again(demo_target: Target, reason: str) -> None:
    scripted = Scripted(ConnectFailed(reason, "for good"))  # type: ignore[arg-type]
    async with pooled(scripted) as pool:
        with pytest.raises(ConnectFailed, match="for good"):
            async with open_session(pool, demo_target.endpoint(), retry_policy=QUICK, cancelled=CallbackEvent()):
                raise AssertionError("never")
    assert scripted.attempts == 1


async def test_all_attempts_together_have_a_time_limit(demo_target: Target) -> None:
    silent = Silent()
    retry_policy = RetryPolicy(attempts=None, seconds=0.05)
    async with pooled(silent) as pool:
        with pytest.raises(ConnectFailed, match="timeout"):
            async with open_session(pool, demo_target.endpoint(), retry_policy=retry_policy, cancelled=CallbackEvent()):
                raise AssertionError("never")


async def test_a_time_limit_reached_between_attempts_tells_the_last_failure(demo_target: Target) -> None:
    scripted = Scripted(*(passing("refused.") for _ in range(100)))
    async with pooled(scripted) as pool:
        retry_policy = RetryPolicy(attempts=None, seconds=0.05, first_pause=60, longest_pause=60)
        with pytest.raises(ConnectFailed, match="refused"):
            async with open_session(pool, demo_target.endpoint(), retry_policy=retry_policy, cancelled=CallbackEvent()):
                raise AssertionError("never")


async def test_a_cancel_ends_an_attempt_and_leaves_no_channel_promised(demo_target: Target) -> None:
    silent, cancelled = Silent(), CallbackEvent()
    async with pooled(silent) as pool:
        endpoint = demo_target.endpoint()

        async def reach() -> None:
            async with open_session(pool, endpoint, retry_policy=QUICK, cancelled=cancelled):
                raise AssertionError("never")

        reaching = asyncio.create_task(reach(), name="reach")
        await until(lambda: silent.going_on)
        cancelled.set()
        with pytest.raises(CancelRequested):
            await reaching


async def test_a_cancel_asked_for_before_is_heard_at_once(demo_target: Target) -> None:
    cancelled = CallbackEvent()
    cancelled.set()
    async with pooled(Silent()) as pool:
        with pytest.raises(CancelRequested):
            async with open_session(pool, demo_target.endpoint(), retry_policy=QUICK, cancelled=cancelled):
                raise AssertionError("never")


async def test_a_block_that_ends_by_itself_is_not_broken_off_later() -> None:
    """Nobody is left who waits for the cancel."""
    cancelled = CallbackEvent()
    async with interruptible(cancelled):
        await asyncio.sleep(0)
    cancelled.set()
    await asyncio.sleep(0)


async def test_a_cancel_during_the_time_limits_own_interruption_changes_nothing() -> None:
    cancelled, interrupted = CallbackEvent(), asyncio.Event()

    async def block() -> None:
        async with interruptible(cancelled, seconds=0):
            try:
                await asyncio.Event().wait()
            finally:
                interrupted.set()
                cancelled.set()

    with pytest.raises(CancelRequested):
        await block()
    assert interrupted.is_set()


async def test_a_cancel_with_a_grace_puts_no_time_limit_off() -> None:
    cancelled = CallbackEvent()
    cancelled.set()
    with pytest.raises(CancelRequested):
        async with asyncio.timeout(10), interruptible(cancelled, seconds=0.01, grace=60):
            await asyncio.Event().wait()


async def test_cancelling_from_outside_is_not_taken_for_a_cancel_request() -> None:
    async def block() -> None:
        async with interruptible(CallbackEvent()):
            await asyncio.Event().wait()

    task = asyncio.create_task(block(), name="block")
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_pauses_grow_with_jitter_up_to_the_longest() -> None:
    retry_policy = RetryPolicy(first_pause=1.0, longest_pause=10.0)
    pauses = [[retry_policy.pause(n) for _ in range(200)] for n in range(1, 12)]
    for n, found in enumerate(pauses):
        most = min(10.0, 1.0 * 2**n)
        assert all(most / 2 <= pause <= most for pause in found)
        assert len(set(found)) > 100
