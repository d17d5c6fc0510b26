"""What a caller asks of an execution's output: which part, and how much of it."""

from dataclasses import dataclass

from db.values import Stream
from resolvers import cursor as cursors
from resolvers import validation
from resolvers.errors import Invalid

USUAL_BYTES = 64 * 1024
MOST_BYTES = 1024 * 1024
MOST_LINES = 2**31 - 1
PLACES = ("after", "before", "from_line", "last_lines")


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRequest:
    """Which part of an output is wanted: at most one of `after`, `before`, `from_line` (from 1) and `last_lines`.

    `lines` ends it after so many lines, counted in both streams. It ends at `max_bytes` in any case; of what comes
    `before` a cursor and of the `last_lines`, the end is kept. `stream`: only the bytes of this one.
    """

    after: str | None = None
    before: str | None = None
    from_line: int | None = None
    lines: int | None = None
    last_lines: int | None = None
    max_bytes: int = USUAL_BYTES
    stream: Stream | None = None

    @property
    def is_backward(self) -> bool:
        return self.before is not None or self.last_lines is not None

    def check(self) -> None:
        """Raise Invalid for what cannot be asked for, of whatever output."""
        validation.check_between("max_bytes", self.max_bytes, 1, MOST_BYTES)
        for name, least in (("from_line", 1), ("lines", 1), ("last_lines", 0)):
            if (value := getattr(self, name)) is not None:
                validation.check_between(name, value, least, MOST_LINES)
        cursors.decode(self.after, "after")
        cursors.decode(self.before, "before")
        given = [name for name in PLACES if getattr(self, name) is not None]
        if len(given) > 1:
            raise Invalid(
                given[1],
                "must be the only one of after, before, fromLine and lastLines.",
                "不能与 after、before、fromLine、lastLines 中的其他参数同时使用。",
            )
        if self.lines is not None and self.is_backward:
            raise Invalid("lines", "goes with fromLine or after only.", "只能与 fromLine 或 after 一起使用。")
