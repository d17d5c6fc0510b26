"""A value that is fetched when first needed, and kept a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from resolvers.errors import Unavailable
from runner.log import get_logger

LONGEST_BACK_OFF = 60.0
# An identity provider that is away for a day leaves nothing to rely on.
LONGEST_REUSE = 86_400.0
RENEWAL_PAUSE = 30.0
NEVER = float("-inf")

log = get_logger()

T = TypeVar("T")


class UnusableAnswer(Exception):
    """The fetched value is not usable. The message says why, and goes into the log only."""


class RefreshingCache(Generic[T]):
    """Holds one value. It is fetched once at a time, and after a failure only after a back-off."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        what: str,
        fresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._what = what
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._turn = asyncio.Lock()
        self._value: T | None = None
        self._fetched_at = NEVER
        self._asked_at = NEVER
        self._renewed_at = NEVER
        self._failures = 0

    async def get(self) -> T:
        """Return the value; an old one for up to a day if a new one cannot be fetched, else raise Unavailable."""
        if self._value is not None and self._age() < self._fresh_seconds:
            return self._value
        async with self._turn:
            if self._age() >= self._fresh_seconds and self._seconds_since_fetch() >= self._backoff_seconds():
                await self._fetch_value()
            return self._require_value()

    async def refresh(self) -> T:
        """Fetch the value again, at most every 30 seconds; in between, return the one at hand."""
        async with self._turn:
            if (
                self._clock() - self._renewed_at >= RENEWAL_PAUSE
                and self._seconds_since_fetch() >= self._backoff_seconds()
            ):
                self._renewed_at = self._clock()
                await self._fetch_value()
            return self._require_value()

    async def _fetch_value(self) -> None:
        self._asked_at = self._clock()
        try:
            self._value = await self._fetch()
        except UnusableAnswer as error:
            self._failures += 1
            log.warning(f"{self._what} cannot be had", error=str(error), failures=self._failures)
        else:
            self._failures = 0
            self._fetched_at = self._clock()

    def _require_value(self) -> T:
        if self._value is None or self._age() > LONGEST_REUSE:
            raise build_unavailable_error()
        return self._value

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _seconds_since_fetch(self) -> float:
        return self._clock() - self._asked_at

    def _backoff_seconds(self) -> float:
        """Return the seconds to wait after the last failures; 0 before the first."""
        return min(LONGEST_BACK_OFF, 2.0 ** min(self._failures, 16)) if self._failures else 0.0


def build_unavailable_error() -> Unavailable:
    return Unavailable(
        "The identity provider cannot be reached, or does not answer as it should: the service's log says more.",
        "无法连接身份提供方，或其应答异常，原因见服务日志。",
    )
