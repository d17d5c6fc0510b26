"""Measures how late the event loop runs its timers: a timer of its own, twice a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sshcast.metrics import Metrics

PAUSE_SECONDS = 0.5


@asynccontextmanager
async def measure_loop(metrics: Metrics) -> AsyncIterator[None]:
    """Measure until the block ends."""
    task = asyncio.create_task(_measure(metrics), name="event loop lag")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _measure(metrics: Metrics) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PAUSE_SECONDS
        await asyncio.sleep(PAUSE_SECONDS)
        metrics.note_lag(max(0.0, loop.time() - due))
