"""Selects the needles that may be in some data, faster than searching for each."""

from array import array
from collections.abc import Iterable

# By width: the type code of `array`, and the number of needles that can be searched in the same time.
CODES = {4: "I", 8: "Q"}
COSTS = {4: 22, 8: 13}


class Prefilter:
    """Selects the needles that may be in some data, at the cost of one look-up for every `width`th byte.

    Any occurrence of at least 2 * width - 1 bytes contains a whole group of `width` bytes that begins at a multiple of
    `width`; so the groups at the first `width` offsets of each needle are looked up.
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
    """Return the prefilter that saves the most work, or None if searching for each needle is faster."""
    saved = {width: len(_select_needles(width, needles)) - cost for width, cost in COSTS.items()}
    width = max(saved, key=lambda width: saved[width])
    return Prefilter(width, needles) if saved[width] > 0 else None


def _select_needles(width: int, needles: Iterable[bytes]) -> frozenset[bytes]:
    """Return the needles long enough for a prefilter of this width."""
    return frozenset(needle for needle in needles if len(needle) >= 2 * width - 1)
