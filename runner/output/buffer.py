"""One execution's output on its way to the database: masked, capped, in order, and bounded in memory."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from db.output import NewChunk
from db.values import Stream
from runner.output.masking import LOOKBACK, Masker
from runner.output.matcher import SecretMatcher

CHUNK_BYTES = 64 * 1024
BUFFER_BYTES = 1024 * 1024
ALL_BYTES = 64 * 1024 * 1024
LOW_SHARE = 4


@dataclass(slots=True)
class PendingChunk:
    """Consecutive bytes of one stream, not stored yet."""

    stream: Stream
    stream_offset: int
    at: datetime
    data: bytearray


@dataclass(slots=True)
class FlowControl:
    """How to slow the source down: called when too much waits to be stored, and when there is room again."""

    pause: Callable[[], None]
    resume: Callable[[], None]


@dataclass(slots=True)
class MemoryBudget:
    """How many bytes all sinks hold together."""

    held_bytes: int = 0

    @property
    def high_water(self) -> int:
        """How many bytes one sink may hold before its source is to pause: few, once all hold too many."""
        return BUFFER_BYTES if self.held_bytes < ALL_BYTES else 2 * CHUNK_BYTES


@dataclass(slots=True, kw_only=True, eq=False)
class OutputBuffer:
    """Takes bytes at once and never blocks; the writer takes chunks from it.

    `limit` is the most bytes of both streams together that are kept; `overflowed` is set when more came. Once
    another runner drives the execution, the sink is `fenced`: it keeps nothing, and `when_fenced` was called.
    `wake` tells the writer that there is something to take; `urgent` that somebody waits for it to be stored.
    With a matcher (see `start_masking`), secrets are masked before the cap: what it cuts off was looked at by then.
    """

    execution_id: int
    fence: int
    limit: int
    clock: Callable[[], datetime]
    offsets: dict[Stream, int]
    budget: MemoryBudget
    wake: Callable[["OutputBuffer"], None]
    flow: FlowControl | None = None
    when_fenced: Callable[[], object] | None = None
    truncated: bool = False
    fenced: bool = False
    overflowed: asyncio.Event = field(default_factory=asyncio.Event)
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    urgent: bool = False
    waiting: int = 0
    _pieces: deque[PendingChunk] = field(default_factory=deque)
    _in_flight: int = 0
    _maskers: dict[Stream, Masker] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Nothing is left to take; what was taken may not be committed yet."""
        return not self._pieces

    def start_masking(self, matcher: SecretMatcher | None) -> dict[Stream, int]:
        """Mask what the matcher knows. Returns how much of each stream the source is to leave out: a part that was
        stored is read again, so that a secret is found of which the beginning was stored and the rest was not.
        """
        if matcher is None:
            return dict(self.offsets)
        again = {stream: min(stored, LOOKBACK) for stream, stored in self.offsets.items()}
        self._maskers = {stream: Masker(matcher, skip=size) for stream, size in again.items()}
        return {stream: stored - again[stream] for stream, stored in self.offsets.items()}

    def write(self, stream: str, data: bytes) -> None:
        """Keep what the cap allows of `data`, masked."""
        which = Stream(stream)
        if which in self._maskers:
            data = self._maskers[which].feed(data)
        self._keep(which, data)

    def finish(self, *, cut: bool) -> None:
        """No more comes. If its end was `cut` off, what may be the beginning of a secret is hidden."""
        for stream, masker in self._maskers.items():
            self._keep(stream, masker.finish(cut=cut or self.truncated))

    def take(self, most: int) -> list[NewChunk]:
        """Up to about `most` bytes as chunks for one transaction; follow with `acknowledge`."""
        taken: list[NewChunk] = []
        size = 0
        while self._pieces and size < most:
            piece = self._pieces.popleft()
            size += len(piece.data)
            taken.append(self._build_chunk(piece))
        self._in_flight = size
        return taken

    def acknowledge(self, *, stale: bool) -> None:
        """What was taken is committed; or `stale`: another runner drives this execution now."""
        self._forget(self._in_flight)
        self._in_flight = 0
        if stale:
            self._end()
        self.stored.set()
        if self.flow is not None and self.waiting <= self.budget.high_water // LOW_SHARE:
            self.flow.resume()

    async def flush(self) -> None:
        """Return when every byte so far is committed, or nothing of ours ever will be."""
        while self.waiting:
            self.stored.clear()
            self.urgent = True
            self.wake(self)
            await self.stored.wait()

    def _keep(self, stream: Stream, data: bytes) -> None:
        held = sum(masker.held_bytes for masker in self._maskers.values())
        room = self.limit - sum(self.offsets.values())
        if len(data) + held > room:
            data = data[: max(room, 0)]
            self.truncated = True
            self.overflowed.set()
        if data and not self.fenced:
            self._append(stream, data)
            self.wake(self)

    def _forget(self, size: int) -> None:
        self.waiting -= size
        self.budget.held_bytes -= size

    def _end(self) -> None:
        self._forget(self.waiting)
        self._pieces.clear()
        if not self.fenced and self.when_fenced is not None:
            self.when_fenced()
        self.fenced = True

    def _append(self, stream: Stream, data: bytes) -> None:
        last = self._pieces[-1] if self._pieces else None
        for start in range(0, len(data), CHUNK_BYTES):
            part = data[start : start + CHUNK_BYTES]
            if last is not None and last.stream is stream and len(last.data) + len(part) <= CHUNK_BYTES:
                last.data += part
            else:
                last = PendingChunk(stream, self.offsets[stream], self.clock(), bytearray(part))
                self._pieces.append(last)
            self.offsets[stream] += len(part)
        self.waiting += len(data)
        self.budget.held_bytes += len(data)
        if self.flow is not None and self.waiting >= self.budget.high_water:
            self.flow.pause()

    def _build_chunk(self, piece: PendingChunk) -> NewChunk:
        return NewChunk(
            execution_id=self.execution_id,
            fence=self.fence,
            stream=piece.stream,
            stream_offset=piece.stream_offset,
            at=piece.at,
            data=bytes(piece.data),
        )
