"""Waits for the signals that stop a process."""

import asyncio
import signal
from typing import Protocol


class Stoppable(Protocol):
    """A server that may also end by itself, and sets `stopped` then."""

    stopped: asyncio.Event


async def until_asked_to_stop(server: Stoppable) -> None:
    """Return on SIGINT or SIGTERM, or when the server ends."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stopped.set)
    await server.stopped.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
