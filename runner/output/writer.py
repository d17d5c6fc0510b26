"""The one writer of output: batches every execution's bytes into one transaction, then wakes their watchers."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from db import output
from db.models import TaskExecution
from db.output import NewChunk
from db.store import Store, StoreUnavailable
from db.values import Stream
from runner.backoff import backoff
from runner.bus import Bus, execution_address
from runner.output.buffer import MemoryBudget, OutputBuffer
from runner.store_retry import LONGEST_PAUSE, format_store_error

log = structlog.get_logger()

FLUSH_BYTES = 64 * 1024
FLUSH_SECONDS = 0.05
BATCH_BYTES = 4 * 1024 * 1024


class OutputWriter:
    """Stores what the sinks hold, before it is announced: at once after a silence, else every 50 ms or 64 KiB.

    It never gives bytes up: a database that refuses is asked again, and the sources are paused meanwhile.
    """

    def __init__(self, *, store: Store, bus: Bus, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._unstored: dict[OutputBuffer, None] = {}
        self._budget = MemoryBudget()
        self._due = 0.0
        self._dirty = asyncio.Event()
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="output writer")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def open(self, execution: TaskExecution) -> OutputBuffer:
        """A sink that goes on where the stored output of `execution` ends."""
        return OutputBuffer(
            execution_id=execution.id,
            fence=execution.fence,
            limit=execution.output_limit,
            clock=self._clock,
            offsets={Stream.STDOUT: execution.stdout_bytes, Stream.STDERR: execution.stderr_bytes},
            budget=self._budget,
            wake=self._wake,
        )

    def _wake(self, sink: OutputBuffer) -> None:
        if not sink.is_empty:
            self._unstored[sink] = None
            self._dirty.set()
        if sink.urgent or sink.waiting >= FLUSH_BYTES:
            self._hurry.set()

    async def _run(self) -> None:
        while True:
            await self._dirty.wait()
            await self._gather()
            self._dirty.clear()
            self._hurry.clear()
            taken = self._take()
            if self._unstored:
                self._dirty.set()
                self._hurry.set()
            if taken:
                await self._commit(taken)

    async def _gather(self) -> None:
        """Wait for more to come, so that many small writes share one commit."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(self._due):
                await self._hurry.wait()
        except TimeoutError:
            pass
        self._due = loop.time() + FLUSH_SECONDS

    def _take(self) -> dict[OutputBuffer, list[NewChunk]]:
        """At most about BATCH_BYTES in all. A sink that holds more goes to the end of the queue."""
        share = max(FLUSH_BYTES, BATCH_BYTES // max(1, len(self._unstored)))
        taken: dict[OutputBuffer, list[NewChunk]] = {}
        size = 0
        for sink in tuple(self._unstored):
            if size >= BATCH_BYTES:
                break
            del self._unstored[sink]
            if chunks := sink.take(share):
                taken[sink] = chunks
                size += sum(len(chunk.data) for chunk in chunks)
            if not sink.is_empty:
                self._unstored[sink] = None
        return taken

    async def _commit(self, taken: dict[OutputBuffer, list[NewChunk]]) -> None:
        """Store one batch, however often the database refuses: writing a chunk twice keeps it once."""
        chunks = [chunk for part in taken.values() for chunk in part]
        failures = 0
        while True:
            try:
                return self._announce(taken, await self._store.run(output.append, chunks))
            except StoreUnavailable as error:
                failures += 1
                log.warning(
                    "output is not stored yet; trying again", chunks=len(chunks), error=format_store_error(error)
                )
            except Exception as error:
                failures += 1
                log.error("output cannot be stored; trying again", chunks=len(chunks), exc_info=error)
            await asyncio.sleep(backoff(failures, most=LONGEST_PAUSE))

    def _announce(self, taken: dict[OutputBuffer, list[NewChunk]], stale: set[int]) -> None:
        for sink in taken:
            _acknowledge(sink, stale=sink.execution_id in stale)
        self._bus.hint(*(execution_address(sink.execution_id) for sink in taken))


def _acknowledge(sink: OutputBuffer, *, stale: bool) -> None:
    """A source that cannot be resumed is its own run's trouble: the writer serves all the others."""
    try:
        sink.acknowledge(stale=stale)
    except Exception:
        log.exception("an execution's output could not be resumed", execution=sink.execution_id)
