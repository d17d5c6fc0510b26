"""Stops a process's server on a signal."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    """A server that may also end by itself, and sets `stopped` then."""

    stopped: asyncio.Event


@contextmanager
def stop_on_signals(server: Stoppable) -> Iterator[None]:
    """Set the server's `stopped` on SIGINT or SIGTERM while the block runs. What says that it serves is said within."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, server.stopped.set)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
