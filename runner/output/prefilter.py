"""Finds out which of many needles may be in some data, faster than by looking for each."""

from array import array
from collections.abc import Iterable

# By the width of a sieve: how `array` calls its numbers, and how many needles can be looked for in the same time.
CODES = {4: "I", 8: "Q"}
COSTS = {4: 22, 8: 13}


class Prefilter:
    """Says which of many needles may be in some data, at the cost of one look at every `width`th byte.

    Any occurrence of at least 2 * width - 1 bytes holds a whole group of `width` bytes that begins at a multiple of
    it, wherever it lies; so the groups that the needles have at their first `width` places are looked up.
    """

    def __init__(self, width: int, needles: Iterable[bytes]) -> None:
        self._code, self._width = CODES[width], width
        self.needles = _select_needles(width, needles)
        self._holders: dict[int, set[bytes]] = {}
        for needle in self.needles:
            for at in range(width):
                self._holders.setdefault(array(self._code, needle[at : at + width])[0], set()).add(needle)
        self._groups = frozenset(self._holders)

    def find_candidates(self, data: bytes) -> frozenset[bytes]:
        whole = len(data) - len(data) % self._width
        hits = self._groups.intersection(array(self._code, data[:whole]))
        return frozenset().union(*(self._holders[hit] for hit in hits))


def choose_prefilter(needles: set[bytes]) -> Prefilter | None:
    """The sieve that leaves the least to do; None if it is to look for each needle by itself."""
    saved = {width: len(_select_needles(width, needles)) - cost for width, cost in COSTS.items()}
    width = max(saved, key=lambda width: saved[width])
    return Prefilter(width, needles) if saved[width] > 0 else None


def _select_needles(width: int, needles: Iterable[bytes]) -> frozenset[bytes]:
    """Those that a sieve of this width finds."""
    return frozenset(needle for needle in needles if len(needle) >= 2 * width - 1)
