"""The one writer of output: batches every execution's bytes into one transaction, then wakes their watchers."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from db import output
from db.models import TaskExecution
from db.output import NewChunk
from db.store import Store
from db.values import Stream
from runner.bus import Bus, execution_address
from runner.loop import backoff
from runner.sink import Sink

log = structlog.get_logger()

FLUSH_BYTES = 64 * 1024
FLUSH_SECONDS = 0.05
BATCH_BYTES = 4 * 1024 * 1024


class OutputWriter:
    """Stores what the sinks hold: when 64 KiB wait, or 50 ms after the first byte. Stored before it is announced."""

    def __init__(self, *, store: Store, bus: Bus, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._unstored: set[Sink] = set()
        self._dirty = asyncio.Event()
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="output writer")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def open(self, execution: TaskExecution) -> Sink:
        """A sink that goes on where the stored output of `execution` ends."""
        return Sink(
            execution_id=execution.id,
            fence=execution.fence,
            limit=execution.output_limit,
            clock=self._clock,
            offsets={Stream.STDOUT: execution.stdout_bytes, Stream.STDERR: execution.stderr_bytes},
            dirty=self._mark,
        )

    def _mark(self, sink: Sink) -> None:
        self._unstored.add(sink)
        self._dirty.set()
        if sink.waiting >= FLUSH_BYTES:
            self._full.set()

    async def _run(self) -> None:
        while True:
            await self._dirty.wait()
            await self._gather()
            self._dirty.clear()
            self._full.clear()
            while chunks := self._take():
                await self._commit(chunks)

    async def _gather(self) -> None:
        """Wait for more to come, so that many small writes share one commit."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._full.wait()
        except TimeoutError:
            return

    def _take(self) -> dict[Sink, list[NewChunk]]:
        self._unstored = {sink for sink in self._unstored if sink.waiting}
        share = max(FLUSH_BYTES, BATCH_BYTES // max(1, len(self._unstored)))
        return {sink: chunks for sink in self._unstored if (chunks := sink.take(share))}

    async def _commit(self, taken: dict[Sink, list[NewChunk]]) -> None:
        """Store one batch, however often the database refuses: writing a chunk twice keeps it once."""
        chunks = [chunk for part in taken.values() for chunk in part]
        failures = 0
        while True:
            try:
                stale = await self._store.run(output.append, chunks)
                break
            except Exception:
                failures += 1
                log.exception("output is not stored yet; trying again", chunks=len(chunks))
                await asyncio.sleep(backoff(failures))
        for sink in taken:
            sink.done(stale=sink.execution_id in stale)
        self._bus.hint(*(execution_address(sink.execution_id) for sink in taken))
