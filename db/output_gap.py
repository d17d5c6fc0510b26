"""The gap in an output that was over its limit: what was left out between its beginning and its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.values import Stream


@dataclass(frozen=True, slots=True)
class OutputGap:
    """Bytes that were left out. `starts` and `ends` are offsets, by stream; `lines` counts the line feeds in them.

    One stream's bytes may all be kept: its start is its end then. In the whole output they are one stretch.
    """

    starts: Mapping[Stream, int]
    ends: Mapping[Stream, int]
    lines: int

    @property
    def position(self) -> int:
        """The position in the whole output at which it begins."""
        return sum(self.starts.values())

    @property
    def size(self) -> int:
        """The number of bytes that were left out."""
        return sum(self.ends.values()) - self.position

    def count(self, stream: Stream) -> int:
        """Count the bytes of the stream that were left out."""
        return self.ends[stream] - self.starts[stream]

    def build_columns(self) -> dict[str, Any]:
        """Return the gap as the execution's row holds it: where it begins, and how much was left out."""
        return {"output_gap": {"position": self.position, "bytes": self.size, "lines": self.lines}}
