"""What became of a change whose COMMIT was not answered: it is asked for again under its own key."""

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
    """An idempotency key for those who gave none."""
    return f"made-{uuid4().hex}"


async def run_until_known(unit: Callable[[], Awaitable[T]], key: str | None) -> T:
    """Run a unit that its idempotency key makes repeatable, and again for up to 5 s while nobody knows whether it is
    committed: it then finds what it made before, or makes it. OutcomeUnknown, with the key to repeat, beyond.
    """
    try:
        return await unit()
    except StoreOutcomeUnknown as error:
        unanswered = error
    with suppress(TimeoutError, ServiceError):  # a refusal now says nothing of what was committed before
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
    """Where it is known what the caller is to do after a COMMIT without an answer, this error says it."""
    try:
        yield
    except StoreOutcomeUnknown as unanswered:
        raise error() from unanswered
