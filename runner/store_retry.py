"""Asking the database until it answers: it may be away for a while, and what happened on a target must not be lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from db.store import StoreUnavailable
from runner.backoff import backoff

log = structlog.get_logger()

T = TypeVar("T")
LONGEST_PAUSE = 2.0


async def retry_until_available(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, however long the database is away. `ask` must bear being repeated after it was carried out."""
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
    """For a log line: what the driver said, such as `disk I/O error`."""
    cause = error.__cause__
    return str(error) if cause is None else f"{error}: {str(getattr(cause, 'orig', cause))[:200]}"
