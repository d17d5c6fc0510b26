"""Pieces of output in memory: consecutive bytes of one stream, in the order in which they came."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from db.values import Stream

CHUNK_BYTES = 64 * 1024


@dataclass(slots=True)
class PendingChunk:
    """Consecutive bytes of one stream that are not stored yet."""

    stream: Stream
    stream_offset: int
    at: datetime
    data: bytearray

    def drop(self, count: int) -> int:
        """Drop the first `count` bytes. Return how many line feeds were among them."""
        lines = self.data.count(b"\n", 0, count)
        del self.data[:count]
        self.stream_offset += count
        return lines


def append_bytes(
    pieces: deque[PendingChunk], stream: Stream, offset: int, data: bytes, clock: Callable[[], datetime]
) -> None:
    """Add bytes at the end: to the last piece if it is of the same stream and small, else as new ones."""
    last = pieces[-1] if pieces else None
    for start in range(0, len(data), CHUNK_BYTES):
        part = data[start : start + CHUNK_BYTES]
        if last is not None and last.stream is stream and len(last.data) + len(part) <= CHUNK_BYTES:
            last.data.extend(part)
        else:
            last = PendingChunk(stream, offset + start, clock(), bytearray(part))
            pieces.append(last)
