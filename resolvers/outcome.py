"""Find out the result of a change whose COMMIT was not answered, by repeating it under its idempotency key."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from uuid import uuid4

from db.store import StoreOutcomeUnknown, StoreUnavailable
from resolvers.errors import OutcomeUnknown, ServiceError

T = TypeVar("T")

SECONDS = 5.0
PAUSE_SECONDS = 0.1


def generate_key() -> str:
    """Return an idempotency key for a caller who gave none."""
    return f"made-{uuid4().hex}"


async def run_until_known(unit: Callable[[], Awaitable[T]], key: str | None) -> T:
    """Run a unit that is repeatable by its idempotency key, and repeat it while its commit is unknown, for up to 5 s.

    A repeat finds the result of the first run, or makes it. After 5 s, raise OutcomeUnknown with the key to repeat.
    """
    try:
        return await unit()
    except StoreOutcomeUnknown as error:
        unanswered = error
    with suppress(TimeoutError, ServiceError):  # a refusal of the repeat does not tell whether the first was committed
        async with asyncio.timeout(SECONDS):
            return await _retry_until_available(unit)
    raise OutcomeUnknown(key) from unanswered


async def _retry_until_available(unit: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await unit()
        except StoreUnavailable:
            await asyncio.sleep(PAUSE_SECONDS)


@contextmanager
def raise_unknown_as(error: type[OutcomeUnknown]) -> Iterator[None]:
    """Raise `error` instead of StoreOutcomeUnknown: its message says what the caller can do."""
    try:
        yield
    except StoreOutcomeUnknown as unanswered:
        raise error() from unanswered
