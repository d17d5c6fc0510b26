"""Passes both streams on in the order in which the target says that they were written."""

from collections.abc import Callable
from dataclasses import dataclass, field

from db.values import Stream

MOST_HELD = 256 * 1024
"""The bytes that wait for their turn at most; if there are more, all go on as they came."""


@dataclass(slots=True, eq=False)
class StreamOrder:
    """Holds the bytes that came too early, while the target says what was written before what.

    `deliver` takes bytes whose turn it is, and `received` counts those of each stream. A mark is a size of stdout and
    one of stderr: that much of stdout was written before that much of stderr. Marks come before the stdout that they
    are about, but maybe after its stderr, so stderr is held up to the byte for which the target says that all marks
    have come (`_limit`; None: for all bytes). Marks never change which bytes are delivered, only when.
    """

    deliver: Callable[[Stream, bytes], None]
    received: dict[Stream, int]
    _marks: list[tuple[int, int]] = field(default_factory=list)
    _steps: list[tuple[Stream, int]] | None = field(default_factory=list)
    _held: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    _limit: int | None = 0
    _is_open: bool = True

    def add_mark(self, text: str) -> None:
        """Add a mark, as `OUT ERR`, and hold all until the last one. What a full disk has cut off is no mark."""
        if not self._steps and self._steps is not None:
            self._marks.clear()
        sizes = text.split()
        if len(sizes) == 2 and all(map(_is_size, sizes)):
            self._marks.append((int(sizes[1]), int(sizes[0])))
        self._steps, self._is_open = None, True

    def end_marks(self, limit: str = "") -> bool:
        """Begin to pass on what is held: no more marks come for stderr up to this byte, or for all of it if it is none.

        Return False once nothing is held any more, so that others need not pass here.
        """
        self._limit = int(limit) if _is_size(limit) else None
        if self._steps is None:
            steps = [step for err, out in sorted(self._marks) for step in ((Stream.STDOUT, out), (Stream.STDERR, err))]
            self._steps = steps[::-1]
        self._release()
        return self._is_open

    def feed(self, stream: Stream, data: bytes) -> bool:
        """Take bytes of a stream. Return False once nothing is held any more."""
        self._held[stream] += data
        self._release()
        if sum(map(len, self._held.values())) > MOST_HELD:
            self.stop()
        return self._is_open

    def count_held(self, stream: Stream) -> int:
        return len(self._held[stream])

    def stop(self) -> None:
        """Pass on all that is held."""
        self._is_open = False
        for stream in Stream:
            self._take(stream, len(self._held[stream]))

    def _release(self) -> None:
        if self._steps is None:
            return
        while self._steps:
            stream, size = self._steps[-1]
            self._take(stream, size - self.received[stream])
            if self.received[stream] < size:
                return
            self._steps.pop()
        if self._limit is None:
            self.stop()
            return
        self._take(Stream.STDOUT, len(self._held[Stream.STDOUT]))
        self._take(Stream.STDERR, self._limit - self.received[Stream.STDERR])

    def _take(self, stream: Stream, most: int) -> None:
        if most > 0 and self._held[stream]:
            data = bytes(self._held[stream][:most])
            del self._held[stream][:most]
            self.deliver(stream, data)


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdecimal()
