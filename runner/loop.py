"""The base of every background loop: start, stop, error log, backoff. A loop's own file holds only its `tick`."""

import asyncio

from db.store import StoreUnavailable
from runner.backoff import backoff
from runner.bus import Bus
from runner.log import get_logger
from runner.store_retry import LONGEST_PAUSE, format_store_error

log = get_logger()


class BackgroundLoop:
    """A loop that ticks on every hint to its address, and at least every `poll_seconds`."""

    name = "loop"
    address = ""
    poll_seconds = 1.0
    longest_pause = 10.0
    """The most seconds between two ticks that fail."""
    unavailable_text = "the database does not answer; the loop goes on"
    failed_text = "loop failed; it goes on"
    """The log message of a failure, in fixed words; `describe_work` adds the details."""

    def __init__(self, *, bus: Bus) -> None:
        self.bus = bus
        self._task: asyncio.Task[None] | None = None
        self.was_hinted = False
        """Whether this tick follows a hint; else it is a poll."""

    async def tick(self) -> float:
        """Do the work that is due. Return the most seconds to wait until the next tick."""
        raise NotImplementedError

    def describe_work(self) -> dict[str, int]:
        """Return what else to log of a failure: how much work it holds up."""
        return {}

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
                self.was_hinted = watch.is_set
                watch.clear()
                try:
                    pause, failures = await self.tick(), 0
                except Exception as error:
                    failures += 1
                    await asyncio.sleep(self._log_failure(error, failures))
                else:
                    await watch.wait(pause)

    def _log_failure(self, error: Exception, failures: int) -> float:
        """Log the failure and return the seconds to wait."""
        work = {"loop": self.name, **self.describe_work()}
        if isinstance(error, StoreUnavailable):
            log.warning(self.unavailable_text, **work, error=format_store_error(error))
            return backoff(failures, most=LONGEST_PAUSE)
        log.error(self.failed_text, **work, failures=failures, exc_info=error)
        return backoff(failures, most=self.longest_pause)
