"""One execution's output on its way to the database: capped, in order, and bounded in memory."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from db.output import NewChunk
from db.values import Stream

CHUNK_BYTES = 64 * 1024
HIGH_WATER = 1024 * 1024
LOW_WATER = 256 * 1024


@dataclass(slots=True)
class Piece:
    """Consecutive bytes of one stream, not stored yet."""

    stream: Stream
    stream_offset: int
    position: int
    at: datetime
    data: bytearray


@dataclass(slots=True)
class Valve:
    """How to slow the source down: called when too much waits to be stored, and when there is room again."""

    pause: Callable[[], None]
    resume: Callable[[], None]


@dataclass(slots=True, kw_only=True, eq=False)
class Sink:
    """Takes bytes at once and never blocks; the writer takes chunks from it.

    `limit` is the most bytes of both streams together that are kept. `overflowed` is set when more came.
    """

    execution_id: int
    fence: int
    limit: int
    clock: Callable[[], datetime]
    offsets: dict[Stream, int]
    dirty: Callable[["Sink"], None]
    valve: Valve | None = None
    truncated: bool = False
    fenced: bool = False
    overflowed: asyncio.Event = field(default_factory=asyncio.Event)
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    _pieces: deque[Piece] = field(default_factory=deque)
    _in_flight: int = 0

    def write(self, stream: str, data: bytes) -> None:
        """Keep what the cap allows of `data`."""
        room = self.limit - sum(self.offsets.values())
        if len(data) > room:
            data = data[: max(room, 0)]
            self.truncated = True
            self.overflowed.set()
        if data:
            self._append(Stream(stream), data)
            self.dirty(self)

    def take(self, most: int) -> list[NewChunk]:
        """Up to about `most` bytes as chunks for one transaction; follow with `done`."""
        taken: list[NewChunk] = []
        size = 0
        while self._pieces and size < most:
            piece = self._pieces.popleft()
            size += len(piece.data)
            taken.append(self._chunk(piece))
        self._in_flight = size
        return taken

    def done(self, *, stale: bool) -> None:
        """What was taken is committed; or `stale`: another runner drives this execution now."""
        self.waiting -= self._in_flight
        self._in_flight = 0
        self.fenced = self.fenced or stale
        if self.fenced:
            self.waiting = 0
            self._pieces.clear()
        if self.valve is not None and self.waiting <= LOW_WATER:
            self.valve.resume()
        self.stored.set()

    async def flush(self) -> None:
        """Return when every byte so far is committed."""
        while self.waiting:
            self.stored.clear()
            self.dirty(self)
            await self.stored.wait()

    def _append(self, stream: Stream, data: bytes) -> None:
        last = self._pieces[-1] if self._pieces else None
        for start in range(0, len(data), CHUNK_BYTES):
            part = data[start : start + CHUNK_BYTES]
            if last is not None and last.stream is stream and len(last.data) + len(part) <= CHUNK_BYTES:
                last.data += part
            else:
                last = Piece(stream, self.offsets[stream], sum(self.offsets.values()), self.clock(), bytearray(part))
                self._pieces.append(last)
            self.offsets[stream] += len(part)
        self.waiting += len(data)
        if self.valve is not None and self.waiting >= HIGH_WATER:
            self.valve.pause()

    def _chunk(self, piece: Piece) -> NewChunk:
        return NewChunk(
            execution_id=self.execution_id,
            fence=self.fence,
            stream=piece.stream,
            stream_offset=piece.stream_offset,
            position=piece.position,
            at=piece.at,
            data=bytes(piece.data),
        )
