"""Finds secrets in output, and the places where one may have begun.

A secret is found across line ends too, as `base64` and `fold` break them. The bytes alone decide what is masked: the
result at a place depends on at most SPAN bytes to each side of it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from runner.charsets import DEFAULT
from runner.output.encodings import LINE_ENDS, LONGEST_PIECE, list_needles
from runner.output.prefilter import choose_prefilter
from runner.secrets.secret import Secret

SPAN = 3 * LONGEST_PIECE
"""The longest stretch of output, line ends included, that one needle may cover."""
LEAST_HEAD = 4
"""The fewest characters before a line end that are masked; else half of all lines would hold back their last one."""
HEAD = 4
STAR = b"*"
LINE = re.compile(rb"[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Lines:
    """Maps offsets in output without line ends to offsets in the output itself.

    `starts` are the offsets of lines, `shifts` the number of removed bytes before each.
    """

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
        """Return where to hold back a match that begins at `start` and may continue after `end`.

        `size` is the length of the output so far; `closed` if it ends with a line end.
        """
        first = bisect_right(self.starts, start) - 1
        place = start + self.shifts[first]
        if size - place >= SPAN:
            return size
        borders = {at: at + by for at, by in zip(self.starts[first + 1 :], self.shifts[first + 1 :], strict=True)}
        borders |= {end: size} if closed else {}
        return max([place, *(where for at, where in borders.items() if at - start < LEAST_HEAD)])

    def list_spans(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the spans of a match in the output, one for each line; none if it covers more than SPAN bytes.

        A beginning of fewer than LEAST_HEAD bytes before a line end is left out.
        """
        first, last = bisect_right(self.starts, start) - 1, bisect_right(self.starts, end - 1) - 1
        if end + self.shifts[last] - start - self.shifts[first] > SPAN:
            return []
        borders = [start, *self.starts[first + 1 : last + 1], end]
        lines = zip(pairwise(borders), self.shifts[first : last + 1], strict=True)
        return [(a + by, b + by) for (a, b), by in lines if b == end or b - start >= LEAST_HEAD]


class SecretMatcher:
    """Finds all forms of a set of secrets, in UTF-8 and in the encoding `charset`."""

    def __init__(self, secrets: Iterable[Secret], charset: str = DEFAULT) -> None:
        needles = {piece for secret in secrets for piece in list_needles(secret.reveal(), charset)}
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
        """Return `data` with every secret replaced by stars, its line ends unchanged."""
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
        """Return the offset of the first possible beginning of a secret that goes on after `data`; else its length."""
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
        """True if a needle begins with `text` and is longer."""
        return any(len(needle) > len(text) and needle.startswith(text) for needle in self._heads[text[:HEAD]])


@lru_cache(maxsize=64)
def build_matcher(secrets: frozenset[Secret], charset: str = DEFAULT) -> SecretMatcher:
    """Return a matcher, cached: building one takes longer than masking the whole output of a run."""
    return SecretMatcher(secrets, charset)


def _find_occurrences(needle: bytes, data: bytes) -> Iterator[int]:
    """Yield the offset of every occurrence, overlapping ones too."""
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)
