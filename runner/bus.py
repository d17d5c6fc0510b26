"""Hints between the parts of one process: "look again". Every hint may be lost; a poll repairs it.

The table is the truth and a hint only wakes. An address is a word such as `pending` or `execution:7`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Watch:
    """One waiter's view of an address: set by any hint since `clear`."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def clear(self) -> None:
        self._event.clear()

    def set(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Return on a hint, or after `seconds` without one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()


class Bus:
    """Hints within one process and one event loop."""

    def __init__(self) -> None:
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)

    @contextmanager
    def watch(self, address: str) -> Iterator[Watch]:
        watch = Watch()
        self._watches[address].add(watch)
        try:
            yield watch
        finally:
            self._watches[address].discard(watch)
            if not self._watches[address]:
                del self._watches[address]

    def hint(self, *addresses: str) -> None:
        """Wake whoever watches one of `addresses`."""
        for address in addresses:
            for watch in tuple(self._watches.get(address, ())):
                watch.set()


PENDING = "pending"
EXECUTIONS = "executions"
CANCELS = "cancels"
SCHEDULE = "schedule"
SLOTS = "slots"


def user_address(user_id: int) -> str:
    """Hints that what the user may do has changed."""
    return f"user:{user_id}"


def execution_address(execution_id: int) -> str:
    return f"execution:{execution_id}"
