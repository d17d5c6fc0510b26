"""The base of every loop: start, stop, log what fails, back off. A loop's own file holds only its `tick`."""

import asyncio
import random

import structlog

from runner.bus import Bus

log = structlog.get_logger()


class Loop:
    """Ticks when its address is hinted at, and at least every `poll_seconds`."""

    name = "loop"
    address = ""
    poll_seconds = 1.0

    def __init__(self, *, bus: Bus) -> None:
        self.bus = bus
        self._task: asyncio.Task[None] | None = None

    async def tick(self) -> float:
        """Do what is due. Returns the most seconds to wait until the next tick."""
        raise NotImplementedError

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        failures = 0
        with self.bus.watch(self.address) as watch:
            while True:
                watch.clear()
                try:
                    pause, failures = await self.tick(), 0
                except Exception:
                    failures += 1
                    pause = backoff(failures)
                    log.exception("loop failed; it goes on", loop=self.name, pause_seconds=round(pause, 2))
                    await asyncio.sleep(pause)
                else:
                    await watch.wait(pause)


def backoff(failures: int, *, base: float = 0.2, most: float = 10.0) -> float:
    """Seconds to wait after the n-th failure in a row: doubling, with jitter, at most `most`."""
    return min(most, base * 2 ** min(failures, 16)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
