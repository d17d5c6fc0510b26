"""Retries database calls until they succeed: results from a target must not be lost in an outage."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from db.store import StoreUnavailable
from runner.backoff import backoff
from runner.log import get_logger

log = get_logger()

T = TypeVar("T")
LONGEST_PAUSE = 2.0


async def retry_until_available(ask: Callable[[], Awaitable[T]]) -> T:
    """Call `ask` until the database answers, and return the answer. `ask` must be safe to repeat."""
    failures = 0
    while True:
        try:
            return await ask()
        except StoreUnavailable as error:
            failures += 1
            log.warning(
                "the database does not answer; asking again", error=format_store_error(error), failures=failures
            )
            await asyncio.sleep(backoff(failures, most=LONGEST_PAUSE))


def format_store_error(error: StoreUnavailable) -> str:
    """Return the text for a log line, with the driver's own message such as `disk I/O error`."""
    cause = error.__cause__
    return str(error) if cause is None else f"{error}: {str(getattr(cause, 'orig', cause))[:200]}"
