"""Where secrets are in output, and where one may have begun.

A secret is found across the borders of lines too, as `base64` and `fold` break them. What is hidden is decided by the
bytes alone: a place depends on no more than SPAN bytes to each side of it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from runner.output.encodings import LINE_ENDS, LONGEST_PIECE, list_needles
from runner.output.prefilter import choose_prefilter
from runner.secrets.secret import Secret

SPAN = 3 * LONGEST_PIECE
"""From its first byte to its last, with the line ends within it, a piece of a secret is this long at most."""
LEAST_HEAD = 4
"""Fewer characters than this before a line end are not hidden: else the last one of half of all lines would be held."""
HEAD = 4
STAR = b"*"
LINE = re.compile(rb"[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Lines:
    """Where bytes stand from which line ends were taken out: the `starts` of lines there, how much went before each."""

    starts: list[int]
    shifts: list[int]

    @classmethod
    def of(cls, data: bytes) -> "Lines":
        starts, shifts, size = [], [], 0
        for line in LINE.finditer(data):
            starts.append(size)
            shifts.append(line.start() - size)
            size += line.end() - line.start()
        return cls(starts, shifts)

    def find_hold_start(self, start: int, end: int, size: int, *, closed: bool) -> int:
        """Where to hold back what begins at `start` and may go on behind `end`, the end of the `size` bytes here.

        `closed`: they end with a line end.
        """
        first = bisect_right(self.starts, start) - 1
        place = start + self.shifts[first]
        if size - place >= SPAN:
            return size
        borders = {at: at + by for at, by in zip(self.starts[first + 1 :], self.shifts[first + 1 :], strict=True)}
        borders |= {end: size} if closed else {}
        return max([place, *(where for at, where in borders.items() if at - start < LEAST_HEAD)])

    def list_spans(self, start: int, end: int) -> list[tuple[int, int]]:
        """The places in the whole of what lies from `start` to `end`, a span a line; none if it is stretched too far.

        A beginning of fewer than LEAST_HEAD bytes in front of a line end is left out.
        """
        first, last = bisect_right(self.starts, start) - 1, bisect_right(self.starts, end - 1) - 1
        if end + self.shifts[last] - start - self.shifts[first] > SPAN:
            return []
        borders = [start, *self.starts[first + 1 : last + 1], end]
        lines = zip(pairwise(borders), self.shifts[first : last + 1], strict=True)
        return [(a + by, b + by) for (a, b), by in lines if b == end or b - start >= LEAST_HEAD]


class SecretMatcher:
    """The forms of some secrets, ready to be found."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        needles = {piece for secret in secrets for piece in list_needles(secret.reveal())}
        prefilter = choose_prefilter(needles)
        self._prefilter = prefilter
        self._few = needles - (prefilter.needles if prefilter else frozenset())
        self._heads: dict[bytes, set[bytes]] = {}
        for needle in needles:
            for length in range(1, HEAD + 1):
                self._heads.setdefault(needle[:length], set()).add(needle)

    def __repr__(self) -> str:
        return f"SecretMatcher({len(self._heads)} beginnings)"

    def mask(self, data: bytes) -> bytes:
        """`data` with every secret in it starred out, and its line ends as they were."""
        joined = data.translate(None, LINE_ENDS)
        near = self._few | (self._prefilter.find_candidates(joined) if self._prefilter else frozenset())
        found = [(at, at + len(needle)) for needle in near for at in _find_occurrences(needle, joined)]
        if not found:
            return data
        out, lines = bytearray(data), Lines.of(data)
        for start, end in (span for place in found for span in lines.list_spans(*place)):
            out[start:end] = STAR * (end - start)
        return bytes(out)

    def find_unfinished(self, data: bytes) -> int:
        """Where in `data` begins what may be a secret that goes on behind it; its length if nothing."""
        tail = data[-SPAN:]
        joined, lines = tail.translate(None, LINE_ENDS), Lines.of(tail)
        closed = tail.endswith((b"\r", b"\n"))
        held = [
            lines.find_hold_start(at, len(joined), len(tail), closed=closed)
            for at in range(max(0, len(joined) - LONGEST_PIECE + 1), len(joined))
            if joined[at : at + HEAD] in self._heads and self._begins(joined[at:])
        ]
        return len(data) - len(tail) + min(held, default=len(tail))

    def _begins(self, text: bytes) -> bool:
        """Whether a needle begins with `text`, and goes on."""
        return any(len(needle) > len(text) and needle.startswith(text) for needle in self._heads[text[:HEAD]])


@lru_cache(maxsize=64)
def build_matcher(secrets: frozenset[Secret]) -> SecretMatcher:
    """Made once for many runs with the same secrets: to make one takes longer than a run's whole output."""
    return SecretMatcher(secrets)


def _find_occurrences(needle: bytes, data: bytes) -> Iterator[int]:
    """Where it is, overlapping ones too."""
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)
