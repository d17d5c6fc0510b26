"""Evaluates an expression once for every combination of the alternatives of its parts."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from math import prod

MOST_WORLDS = 32


@dataclass(slots=True)
class Choices:
    """The alternative that each part takes in the current combination (`world`).

    A part is looked up by its key, and has the same alternative wherever it is used. Every combination is evaluated
    while there are at most 32; beyond that, each alternative appears in at least one combination.
    """

    picked: dict[Hashable, int] = field(default_factory=dict)
    sizes: dict[Hashable, int] = field(default_factory=dict)
    world: int = 0
    many: bool = False

    def pick(self, key: Hashable, options: tuple[str, ...]) -> str:
        if len(options) == 1:
            return options[0]
        self.sizes[key] = len(options)
        place = self.world if self.many else self.picked.setdefault(key, 0)
        return options[place % len(options)]

    def advance(self) -> bool:
        """Move on to the next combination. Return False if there is none."""
        self.world += 1
        if self.many or (self.world == 1 and prod(self.sizes.values()) > MOST_WORLDS):
            self.many = True
            return self.world < max(self.sizes.values(), default=0)
        return self.world < MOST_WORLDS and self._count_up()

    def _count_up(self) -> bool:
        """Count up, the part used last first; the parts after it are collected anew."""
        for key in reversed(list(self.sizes)):
            if self.picked[key] + 1 < self.sizes[key]:
                self.picked[key] += 1
                return True
            del self.picked[key], self.sizes[key]
        return False
