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
    one of stderr: that much of stdout was written before that much of stderr. Marks never change which bytes are
    delivered, only when.
    """

    deliver: Callable[[Stream, bytes], None]
    received: dict[Stream, int]
    _marks: list[tuple[int, int]] = field(default_factory=list)
    _steps: list[tuple[Stream, int]] | None = None
    _held: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    _is_open: bool = True

    def add_mark(self, text: str) -> None:
        """Add a mark, as `OUT ERR`. What a full disk has cut off is no mark."""
        sizes = text.split()
        if len(sizes) == 2 and all(size.isascii() and size.isdecimal() for size in sizes):
            self._marks.append((int(sizes[1]), int(sizes[0])))
        self._steps, self._is_open = None, True

    def end_marks(self) -> None:
        """Begin to pass on what is held: no more marks come."""
        steps = [step for err, out in sorted(self._marks) for step in ((Stream.STDOUT, out), (Stream.STDERR, err))]
        self._steps = steps[::-1]
        self._release()

    def feed(self, stream: Stream, data: bytes) -> bool:
        """Take bytes of a stream. Return False once nothing is held any more, so that others need not pass here."""
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
        self.stop()

    def _take(self, stream: Stream, most: int) -> None:
        if most > 0 and self._held[stream]:
            data = bytes(self._held[stream][:most])
            del self._held[stream][:most]
            self.deliver(stream, data)
