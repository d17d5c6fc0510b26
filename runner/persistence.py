"""Asking the database until it answers: it may be away for a while, and what happened on a target must not be lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError, StatementError

from runner.backoff import backoff

log = structlog.get_logger()

T = TypeVar("T")
LONGEST_PAUSE = 2.0
FOR_GOOD = (DataError, IntegrityError, ProgrammingError, TypeError, ValueError, LookupError, AttributeError)


def may_pass(error: Exception) -> bool:
    """Whether the same question may be answered later. A value that cannot be stored will never be."""
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return False
    return not isinstance(error, FOR_GOOD)


def brief(error: Exception) -> str:
    """For a log line: what is wrong with the database, and nothing of what was to be stored."""
    return str(error.orig)[:200] if isinstance(error, OperationalError) else type(error).__name__


async def insist(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, however long it takes; an error that will not pass is raised. `ask` must bear being repeated."""
    failures = 0
    while True:
        try:
            return await ask()
        except Exception as error:
            if not may_pass(error):
                raise
            failures += 1
            pause = backoff(failures, most=LONGEST_PAUSE)
            log.warning("the database does not answer; asking again", error=brief(error), failures=failures)
        await asyncio.sleep(pause)
