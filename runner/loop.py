"""The base of every loop: start, stop, log what fails, back off. A loop's own file holds only its `tick`."""

import asyncio

import structlog

from db.store import StoreUnavailable
from runner.backoff import backoff
from runner.bus import Bus
from runner.store_retry import LONGEST_PAUSE, format_store_error

log = structlog.get_logger()


class BackgroundLoop:
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
                except Exception as error:
                    failures += 1
                    await asyncio.sleep(self._log_failure(error, failures))
                else:
                    await watch.wait(pause)

    def _log_failure(self, error: Exception, failures: int) -> float:
        """Log it. Returns the seconds to wait."""
        if isinstance(error, StoreUnavailable):
            log.warning(
                "the database does not answer; the loop goes on", loop=self.name, error=format_store_error(error)
            )
            return backoff(failures, most=LONGEST_PAUSE)
        log.error("loop failed; it goes on", loop=self.name, failures=failures, exc_info=error)
        return backoff(failures)
