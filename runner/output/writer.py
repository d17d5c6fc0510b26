"""The one writer of output: stores the bytes of all executions in batches, then wakes their watchers."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from db import output
from db.models import TaskExecution
from db.output import NewChunk
from db.store import Store
from db.values import OnOutputLimit, Stream
from runner.bus import Bus, fleet_address, output_address
from runner.log import get_logger
from runner.loop import BackgroundLoop
from runner.observer import RunnerObserver
from runner.output.buffer import MemoryBudget, OutputBuffer
from runner.store_retry import LONGEST_PAUSE

log = get_logger()

FLUSH_BYTES = 64 * 1024
FLUSH_SECONDS = 0.05
FIRST_SECONDS = 0.01
FOLLOWED_SECONDS = 0.01
FOLLOWED_BYTES = 2 * 1024
BATCH_BYTES = 4 * 1024 * 1024


class OutputWriter(BackgroundLoop):
    """Stores the buffers' bytes before they are announced: at once after a silence, else every 50 ms or 64 KiB.

    While somebody follows a run that writes little at a time, that is every 10 ms.
    The first output of a run waits 10 ms: a short command ends meanwhile, and its end is stored with its output.
    It never drops bytes: a batch that the database refuses is stored by the next tick, and the sources are paused
    meanwhile.
    """

    name = "output writer"
    address = "output"
    longest_pause = LONGEST_PAUSE
    unavailable_text = "output is not stored yet; trying again"
    failed_text = "output cannot be stored; trying again"

    def __init__(
        self, *, store: Store, bus: Bus, clock: Callable[[], datetime], observer: RunnerObserver | None = None
    ) -> None:
        super().__init__(bus=bus)
        self._store = store
        self._clock = clock
        self._observer = observer or RunnerObserver()
        self._unstored: dict[OutputBuffer, None] = {}
        self._taken: dict[OutputBuffer, list[NewChunk]] = {}
        self._budget = MemoryBudget()
        self._stored_at = 0.0
        self._gathering: asyncio.Timeout | None = None
        self._hurry = asyncio.Event()

    async def tick(self) -> float:
        """Store one batch: the one that failed before, else a new one. A chunk that is written twice is stored once."""
        if not self._taken:
            if not self._unstored:
                return self.poll_seconds
            await self._gather()
            self._taken = self._take()
        if chunks := self._list_chunks():
            stale = await self._store_chunks(chunks)
            taken, self._taken = self._taken, {}
            self._announce(taken, stale)
        return 0.0 if self._unstored else self.poll_seconds

    async def _store_chunks(self, chunks: list[NewChunk]) -> set[int]:
        """Store the chunks. Return the executions that no longer run under the chunks' fence."""
        begun = time.perf_counter()
        stale = await self._store.run(output.append, chunks)
        stored_bytes = sum(len(chunk.data) for chunk in chunks if chunk.execution_id not in stale)
        self._observer.note_flush(time.perf_counter() - begun, stored_bytes)
        return stale

    def describe_work(self) -> dict[str, int]:
        return {"chunks": len(self._list_chunks())}

    def open(self, execution: TaskExecution, *, when_fenced: Callable[[], object] | None = None) -> OutputBuffer:
        """Return a buffer that continues where the stored output of `execution` ends."""
        return OutputBuffer(
            execution_id=execution.id,
            fleet_run_id=execution.fleet_run_id,
            fence=execution.fence,
            limit=execution.output_limit,
            clock=self._clock,
            offsets={Stream.STDOUT: execution.stdout_bytes, Stream.STDERR: execution.stderr_bytes},
            budget=self._budget,
            wake=self._wake,
            truncates=execution.on_output_limit == OnOutputLimit.TRUNCATE,
            when_fenced=when_fenced,
        )

    def _wake(self, buffer: OutputBuffer) -> None:
        if buffer.is_empty:  # all is being stored: a hurry set now would be for what comes next
            return
        if not self._unstored:
            self.bus.hint(self.address)
        self._unstored[buffer] = None
        if buffer.urgent or buffer.waiting >= FLUSH_BYTES:
            self._hurry.set()
        elif self._gathering is not None and self._is_followed(buffer):
            due = self._stored_at + FOLLOWED_SECONDS
            if due < (self._gathering.when() or due):
                self._gathering.reschedule(due)

    def _list_chunks(self) -> list[NewChunk]:
        return [chunk for part in self._taken.values() for chunk in part]

    async def _gather(self) -> None:
        """Wait for more output, so that many small writes share one commit."""
        loop = asyncio.get_running_loop()
        due = self._stored_at + (FOLLOWED_SECONDS if any(map(self._is_followed, self._unstored)) else FLUSH_SECONDS)
        if all(buffer.is_new for buffer in self._unstored):
            due = max(due, loop.time() + FIRST_SECONDS)
        try:
            async with asyncio.timeout_at(due) as self._gathering:
                await self._hurry.wait()
        except TimeoutError:
            pass
        finally:
            self._gathering = None
        self._stored_at = loop.time()
        self._hurry.clear()

    def _is_followed(self, buffer: OutputBuffer) -> bool:
        """Return whether somebody follows the output and it comes slowly enough to be read as it comes."""
        is_slow = not buffer.is_new and buffer.stored_bytes <= FOLLOWED_BYTES
        return is_slow and self.bus.is_watched(output_address(buffer.execution_id))

    def _take(self) -> dict[OutputBuffer, list[NewChunk]]:
        """Take at most about BATCH_BYTES in all. A buffer that holds more goes to the end of the queue."""
        share = max(FLUSH_BYTES, BATCH_BYTES // max(1, len(self._unstored)))
        taken: dict[OutputBuffer, list[NewChunk]] = {}
        size = 0
        for buffer in tuple(self._unstored):
            if size >= BATCH_BYTES:
                break
            del self._unstored[buffer]
            if chunks := buffer.take(share):
                taken[buffer] = chunks
                size += sum(len(chunk.data) for chunk in chunks)
            if not buffer.is_empty:
                self._unstored[buffer] = None
        if self._unstored:
            self._hurry.set()
        return taken

    def _announce(self, taken: dict[OutputBuffer, list[NewChunk]], stale: set[int]) -> None:
        for buffer in taken:
            _acknowledge(buffer, stale=buffer.execution_id in stale)
        self.bus.hint(*(output_address(buffer.execution_id) for buffer in taken))
        self.bus.hint(*(fleet_address(id) for id in {buffer.fleet_run_id for buffer in taken} if id is not None))


def _acknowledge(buffer: OutputBuffer, *, stale: bool) -> None:
    """Acknowledge one buffer. A source that cannot be resumed fails its own run only: the writer serves all others."""
    try:
        buffer.acknowledge(stale=stale)
    except Exception:
        log.exception("an execution's output could not be resumed", execution=buffer.execution_id)
