"""The newest output of a run that is over its limit and goes on: its last bytes, kept in memory until it ends."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime

from db.output_gap import OutputGap
from db.values import Stream
from runner.output.pieces import PendingChunk, append_bytes

TAIL_BYTES = 256 * 1024


def find_head_limit(limit: int) -> int:
    """Return how many of `limit` bytes are the beginning: all but TAIL_BYTES, and of a small limit a half."""
    return max(limit - TAIL_BYTES, limit // 2)


class KeptTail:
    """The last `limit` bytes of both streams, in the order in which they came; it counts what it drops.

    `starts` are the offsets at which the streams' beginnings end, which are stored. `size` is what it holds.
    """

    def __init__(self, limit: int, starts: Mapping[Stream, int], clock: Callable[[], datetime]) -> None:
        self.pieces: deque[PendingChunk] = deque()
        self.size = 0
        self.ends = dict(starts)
        self._limit = limit
        self._clock = clock
        self._starts = dict(starts)
        self._dropped_to = dict(starts)
        self._dropped_lines = 0

    def add(self, stream: Stream, data: bytes) -> None:
        append_bytes(self.pieces, stream, self.ends[stream], data, self._clock)
        self.ends[stream] += len(data)
        self.size += len(data)
        while self.size > self._limit:
            self._drop(self.size - self._limit)

    def build_gap(self) -> OutputGap | None:
        """Return what was dropped; None if nothing was."""
        if self._dropped_to == self._starts:
            return None
        return OutputGap(self._starts, dict(self._dropped_to), self._dropped_lines)

    def _drop(self, most: int) -> None:
        """Drop the oldest bytes, at most one piece."""
        first = self.pieces[0]
        count = min(most, len(first.data))
        self._dropped_lines += first.drop(count)
        self.size -= count
        if not first.data:
            self.pieces.popleft()
        self._dropped_to[first.stream] = first.stream_offset
