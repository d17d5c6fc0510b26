"""Bounds how many connections of this process exchange keys and sign in at once.

Each costs milliseconds of CPU. If thousands began together, each would go on so slowly that all exceeded their time
limits, and were tried again.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

MOST = 64
PLACE_SECONDS = 0.5


class LoginGate:
    """Admits `most` at once, in order. Each gives its place back once it has signed in, or after `place_seconds`.

    So servers that are far away, or that stop answering halfway, leave others `most / place_seconds` logins a second.
    """

    def __init__(self, most: int = MOST, place_seconds: float = PLACE_SECONDS) -> None:
        self._free = asyncio.Semaphore(most)
        self._place_seconds = place_seconds

    @asynccontextmanager
    async def enter(self, sock: socket.socket | None, seconds: float) -> AsyncIterator[None]:
        """Hold a place for the block, or until its time is over. Raises TimeoutError.

        The server at the other end of `sock`, if given, has `seconds` to send something: a silent one takes no place.
        """
        if sock is not None:
            async with asyncio.timeout(seconds):
                await _wait_for_greeting(sock)
        await self._free.acquire()
        place = _Place(self._free)
        expiry = asyncio.get_running_loop().call_later(self._place_seconds, place.give_back)
        try:
            yield
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


async def _wait_for_greeting(sock: socket.socket) -> None:
    """Wait until the server has sent something or has closed the connection. Nothing is read."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(sock, arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(sock)
