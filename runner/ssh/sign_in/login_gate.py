"""Bounds how many servers this process connects to and signs in to at once.

A login costs milliseconds of CPU here and more on the target. If thousands began together, each would go on so slowly
that all exceeded their time limits, and were tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from runner.ssh.protocol import ServerConnection

MOST = 64
PLACE_SECONDS = 1.0


class LoginGate:
    """Admits `most` at once, in order. Each gives its place back once it has ended, or after `place_seconds`.

    So servers that do not answer, or are far away, leave others at least `most / place_seconds` logins a second.
    """

    def __init__(self, most: int = MOST, place_seconds: float = PLACE_SECONDS) -> None:
        self._free = asyncio.Semaphore(most)
        self._place_seconds = place_seconds

    async def connect(
        self, connect: Callable[..., Awaitable[ServerConnection]], *args: Any, **named: Any
    ) -> ServerConnection:
        """Wait for a place, then return what `connect` makes of the arguments. Its time limits begin then."""
        await self._free.acquire()
        place = _Place(self._free)
        expiry = asyncio.get_running_loop().call_later(self._place_seconds, place.give_back)
        try:
            return await connect(*args, **named)
        finally:
            expiry.cancel()
            place.give_back()


@dataclass(slots=True)
class _Place:
    free: asyncio.Semaphore
    is_held: bool = True

    def give_back(self) -> None:
        if self.is_held:
            self.is_held = False
            self.free.release()
