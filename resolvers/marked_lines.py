"""Lines as a search shows them: with the places of the matches, and cut around the first one if they are long."""

from collections.abc import Sequence
from dataclasses import dataclass

from resolvers.search_patterns import Pattern

LONGEST_TEXT = 4096
SHOWN_BEFORE = 1000
LONGEST_CONTEXT = 1000
MOST_RANGES = 100
MOST_TRIES = 64


@dataclass(frozen=True, slots=True)
class MarkedLine:
    """A line's text from its character `start` on, and where its matches begin and end in that, in characters."""

    text: str
    ranges: Sequence[tuple[int, int]]
    start: int = 0
    is_cut: bool = False


def cut_line(text: str) -> str:
    return text[:LONGEST_CONTEXT]


def mark_line(pattern: Pattern, line: str, *, fresh: int = 0, begin: int = 0) -> MarkedLine | None:
    """Return the line with its matches; None if there is none.

    None of them begins before the character `begin`, or ends within the first `fresh` ones.
    """
    prepared = pattern.prepare(line)
    first = _find_fresh(pattern, line, prepared, fresh, begin)
    if first is None:
        return None
    start, end = (pattern.locate(line, prepared, place) for place in first)
    low = max(0, start - SHOWN_BEFORE) if len(line) > LONGEST_TEXT else 0
    shown = line[low : low + LONGEST_TEXT]
    ranges = [(start - low, min(end - low, len(shown)))]
    rest, size = pattern.prepare(shown), ranges[0][1]
    at = len(pattern.prepare(shown[: max(size, ranges[0][0] + 1)]))
    while len(ranges) < MOST_RANGES and at <= len(rest) and (found := pattern.find(rest, at)) is not None:
        at = max(found[1], at + 1)
        if found[0] < found[1]:
            ranges.append((pattern.locate(shown, rest, found[0]), pattern.locate(shown, rest, found[1])))
    return MarkedLine(shown, ranges, low, is_cut=len(shown) < len(line))


def _find_fresh(pattern: Pattern, line: str, prepared: str | bytes, fresh: int, begin: int) -> tuple[int, int] | None:
    """Return the first match that ends beyond the fresh characters; of many before, those are not looked for."""
    least, at = len(pattern.prepare(line[:fresh])), begin
    for _ in range(MOST_TRIES):
        found = pattern.find(prepared, at)
        if found is None or found[1] > least or not fresh:
            return found
        at = max(found[1], at + 1)
    return pattern.find(prepared, max(at, least))
