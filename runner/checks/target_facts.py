"""What a target tells of itself: the lines of check.sh, read as they come."""

import re
from collections.abc import Callable

from runner.checks.requests import CheckStep

MOST_BUFFERED = 1 << 16
LONGEST_VALUE = 200
CLOCK = re.compile(r"[0-9]{9,11}(\.[0-9]{1,9})?")

STEPS = tuple(CheckStep)[tuple(CheckStep).index(CheckStep.LOGIN_SHELL) : tuple(CheckStep).index(CheckStep.ROUND_TRIP)]
"""What check.sh tells of, in its order."""


class FactReader:
    """Reads the lines of a program that was built with this nonce, and gives each to `on_fact` as it arrives.

    Lines of others are ignored, and so is a line that is not the next one in the order of the steps.
    """

    def __init__(self, nonce: str, on_fact: Callable[[CheckStep, str], None]) -> None:
        self._nonce = nonce
        self._on_fact = on_fact
        self._missing = list(STEPS)
        self._buffer = b""

    @property
    def is_complete(self) -> bool:
        return not self._missing

    def feed(self, stream: str, data: bytes) -> None:
        if stream != "stdout":
            return
        *lines, rest = (self._buffer + data).split(b"\n")
        self._buffer = rest[-MOST_BUFFERED:]
        for line in lines:
            self._read_line(line.decode(errors="replace"))

    def _read_line(self, line: str) -> None:
        _, nonce, rest = line.partition(f"{self._nonce} ")
        word, _, value = rest.partition(" ")
        if nonce and self._missing and word == self._missing[0]:
            self._on_fact(self._missing.pop(0), _clean(value))


def _clean(value: str) -> str:
    """Return the value printable and bounded: it comes from the far side."""
    return "".join(char if char.isprintable() else " " for char in value)[:LONGEST_VALUE].strip()


def parse_clock(value: str) -> float | None:
    """Return the seconds since 1970, None if the target could not tell them. A `date` without %N leaves it as it is."""
    whole = value.removesuffix(".%N").removesuffix(".N").removesuffix(".")
    return float(whole) if CLOCK.fullmatch(whole) else None
