"""One execution's output on its way to the database: masked, capped, in order, and bounded in memory."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from db.output import NewChunk, OutputEnd
from db.output_gap import OutputGap
from db.values import Stream
from runner.callback_event import CallbackEvent
from runner.output.kept_tail import KeptTail, find_head_limit
from runner.output.masking import LOOKBACK, Masker
from runner.output.matcher import SecretMatcher
from runner.output.pieces import CHUNK_BYTES, PendingChunk, append_bytes

BUFFER_BYTES = 1024 * 1024
ALL_BYTES = 64 * 1024 * 1024
LOW_SHARE = 4


@dataclass(slots=True)
class FlowControl:
    """Slows the source down: `pause` is called when too much waits to be stored, `resume` when there is room again."""

    pause: Callable[[], None]
    resume: Callable[[], None]


@dataclass(slots=True)
class MemoryBudget:
    """The bytes that all buffers hold together."""

    held_bytes: int = 0

    def take(self, size: int) -> None:
        self.held_bytes += size

    def give_back(self, size: int) -> None:
        self.held_bytes -= size

    @property
    def high_water(self) -> int:
        """The bytes that one buffer may hold before its source is paused: few once all together hold too many."""
        return BUFFER_BYTES if self.held_bytes < ALL_BYTES else 2 * CHUNK_BYTES


@dataclass(slots=True, kw_only=True, eq=False)
class OutputBuffer:
    """Takes bytes without ever blocking; the writer takes chunks from it.

    `limit` is the most bytes of both streams together that are stored. `overflowed` is set when more arrive; but if it
    `truncates`, the beginning is stored as it comes, and the end of the output with the end of the run. Once another
    runner drives the execution, the buffer is `fenced`: it stores nothing, and `when_fenced` was called. `wake` tells
    the writer that there is something to take; `urgent` that somebody waits for it to be stored. `stored_bytes` is the
    size of what was stored last. With a matcher (see
    `start_masking`), secrets are masked before the cap is applied.
    """

    execution_id: int
    fence: int
    limit: int
    clock: Callable[[], datetime]
    offsets: dict[Stream, int]
    budget: MemoryBudget
    wake: Callable[["OutputBuffer"], None]
    fleet_run_id: int | None = None
    truncates: bool = False
    when_fenced: Callable[[], object] | None = None
    flow: FlowControl | None = None
    truncated: bool = False
    fenced: bool = False
    overflowed: CallbackEvent = field(default_factory=CallbackEvent)
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    urgent: bool = False
    waiting: int = 0
    stored_bytes: int = 0
    _pieces: deque[PendingChunk] = field(default_factory=deque)
    _in_flight: int = 0
    _begun: bool = False
    _maskers: dict[Stream, Masker] = field(default_factory=dict)
    _tail: KeptTail | None = None

    @property
    def is_new(self) -> bool:
        """True if nothing of this output was stored by this runner yet."""
        return not self._begun

    @property
    def is_empty(self) -> bool:
        """True if nothing is left to take; what was taken may not be committed yet."""
        return not self._pieces

    @property
    def is_incomplete(self) -> bool:
        """True if the command wrote more than is stored."""
        return self.truncated or (self._tail is not None and self._tail.build_gap() is not None)

    def start_masking(self, matcher: SecretMatcher | None) -> dict[Stream, int]:
        """Mask the secrets of the matcher. Return how much of each stream the source is to skip.

        The end of what was stored is read again, so that a secret is found whose beginning was stored and whose rest
        was not.
        """
        if matcher is None:
            return dict(self.offsets)
        again = {stream: min(stored, LOOKBACK) for stream, stored in self.offsets.items()}
        self._maskers = {stream: Masker(matcher, skip=size) for stream, size in again.items()}
        return {stream: stored - again[stream] for stream, stored in self.offsets.items()}

    def set_flow(self, flow: FlowControl | None) -> None:
        """Set how the source is paused and resumed; None if there is no source now."""
        self.flow = flow

    def mark_truncated(self) -> None:
        """Record that the command wrote more than has arrived."""
        self.truncated = True

    def write(self, stream: str, data: bytes) -> None:
        """Add `data`, masked, as far as the cap allows."""
        which = Stream(stream)
        if which in self._maskers:
            data = self._maskers[which].feed(data)
        self._keep(which, data)

    def finish(self, *, cut: bool) -> None:
        """End the streams. If the output was `cut` off, a possible beginning of a secret at its end is masked."""
        for stream, masker in self._maskers.items():
            self._keep(stream, masker.finish(cut=cut or self.truncated))

    def take(self, most: int) -> list[NewChunk]:
        """Return about `most` bytes as chunks for one transaction; `acknowledge` must follow."""
        if not self._pieces:
            return []
        taken: list[NewChunk] = []
        size = 0
        while self._pieces and size < most:
            piece = self._pieces.popleft()
            size += len(piece.data)
            taken.append(self._build_chunk(piece))
        self._in_flight = size
        return taken

    def acknowledge(self, *, stale: bool) -> None:
        """Confirm that the taken chunks are committed; with `stale`, that another runner drives this execution."""
        self._forget(self._in_flight)
        self.stored_bytes, self._in_flight, self._begun = self._in_flight, 0, True
        if stale:
            self._end()
        self.stored.set()
        if self.flow is not None and self.waiting <= self.budget.high_water // LOW_SHARE:
            self.flow.resume()

    async def flush(self) -> None:
        """Wait until every byte so far is committed, or will never be because the buffer is fenced."""
        while self.waiting:
            self.stored.clear()
            self.urgent = True
            self.wake(self)
            await self.stored.wait()

    async def take_end(self) -> OutputEnd:
        """Return what is left to store for the transaction that records the end of the run.

        It is a chunk or two, and the end of an output that was over its limit.

        `acknowledge` or `put_back` must follow. What is more is stored before, by the writer.
        """
        while self._in_flight or self.waiting > CHUNK_BYTES:
            await self.flush()
        rest = self.take(CHUNK_BYTES)
        if self._tail is None or self.fenced:
            return OutputEnd(rest, dict(self.offsets))
        gap, pieces = self._tail.build_gap(), self._tail.pieces
        kept = [self._build_chunk(piece, None if number else gap) for number, piece in enumerate(pieces)]
        return OutputEnd([*rest, *kept], dict(self._tail.ends))

    def put_back(self, last: OutputEnd) -> None:
        """Leave chunks that were taken and perhaps not stored to the writer, but not the end of a truncated output."""
        self._in_flight = 0
        for chunk in reversed([each for each in last.chunks if each.stream_offset < self.offsets[each.stream]]):
            self._pieces.appendleft(PendingChunk(chunk.stream, chunk.stream_offset, chunk.at, bytearray(chunk.data)))
        self.wake(self)

    def _keep(self, stream: Stream, data: bytes) -> None:
        if self.truncates:
            self._keep_both_ends(stream, data)
        else:
            self._keep_up_to_limit(stream, data)

    def _keep_both_ends(self, stream: Stream, data: bytes) -> None:
        head_limit = find_head_limit(self.limit)
        room = max(0, head_limit - sum(self.offsets.values()))
        if self.fenced or not data:
            return
        if room:
            self._append(stream, data[:room])
            self.wake(self)
        if len(data) > room:
            if self._tail is None:
                self._tail = KeptTail(self.limit - head_limit, self.offsets, self.clock)
            self._tail.add(stream, data[room:])

    def _keep_up_to_limit(self, stream: Stream, data: bytes) -> None:
        held = sum(masker.held_bytes for masker in self._maskers.values())
        room = self.limit - sum(self.offsets.values())
        if len(data) + held > room:
            data = data[: max(room, 0)]
            self.mark_truncated()
            self.overflowed.set()
        if data and not self.fenced:
            self._append(stream, data)
            self.wake(self)

    def _forget(self, size: int) -> None:
        self.waiting -= size
        self.budget.give_back(size)

    def _end(self) -> None:
        self._forget(self.waiting)
        self._pieces.clear()
        if not self.fenced and self.when_fenced is not None:
            self.when_fenced()
        self.fenced = True

    def _append(self, stream: Stream, data: bytes) -> None:
        append_bytes(self._pieces, stream, self.offsets[stream], data, self.clock)
        self.offsets[stream] += len(data)
        self.waiting += len(data)
        self.budget.take(len(data))
        if self.flow is not None and self.waiting >= self.budget.high_water:
            self.flow.pause()

    def _build_chunk(self, piece: PendingChunk, gap: OutputGap | None = None) -> NewChunk:
        return NewChunk(
            execution_id=self.execution_id,
            fence=self.fence,
            stream=piece.stream,
            stream_offset=piece.stream_offset,
            at=piece.at,
            data=bytes(piece.data),
            gap=gap,
        )
