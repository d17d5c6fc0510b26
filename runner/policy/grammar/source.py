"""A shell text that is being parsed: the position in it, and the budget that is left."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runner.policy.grammar.syntax import Redirect, Sequence, Word

LONGEST = 65_536
"""The longest text in characters, as long as a command may be. Longer text is refused, not guessed at."""
DEEPEST = 96
MOST_STEPS = 20_000


class SyntaxFault(Exception):
    """The text is not a shell program. `at` is the offset of the fault."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class TooComplex(Exception):
    """Parsing or interpreting the text would cost too much."""


@dataclass(slots=True)
class Budget:
    """The steps that are left for a whole check, nested texts included.

    If `unquoted` is a dict, the parser adds each piece of unquoted text to it, keyed by its offset.
    """

    steps: int = MOST_STEPS
    depth: int = 0
    unquoted: dict[int, str] | None = None

    def spend(self, steps: int = 1) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise TooComplex("too many steps")

    def enter(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise TooComplex("too deep")

    def leave(self) -> None:
        self.depth -= 1

    @contextmanager
    def restore_depth(self) -> Iterator[None]:
        """Restore the nesting depth at the end of the block, even after a SyntaxFault."""
        before = self.depth
        try:
            yield
        finally:
            self.depth = before


@dataclass(slots=True)
class HereDoc:
    """A here-document whose body has not been read yet."""

    redirect: Redirect
    delimiter: str
    quoted: bool
    strip: bool


@dataclass(slots=True)
class Source:
    """A text and the position of the parser in it.

    `base` is the offset of `text` in the outermost text. `program` parses commands up to a closing word; `operand`
    parses a word up to a closer, quoted or not (`words.parse_operand`).
    """

    text: str
    program: "Callable[[Source], Sequence]"
    operand: "Callable[[Source, bool, str], Word]"
    budget: Budget
    base: int = 0
    pos: int = 0
    pending: list[HereDoc] = field(default_factory=list)

    @property
    def at(self) -> int:
        return self.base + self.pos

    def peek(self, length: int = 1) -> str:
        return self.text[self.pos : self.pos + length]

    def starts_with(self, text: str) -> bool:
        return self.text.startswith(text, self.pos)

    def take(self, text: str) -> bool:
        """Read `text` if it comes next. Return True if it did."""
        if not self.text.startswith(text, self.pos):
            return False
        self.pos += len(text)
        return True

    def match(self, pattern: re.Pattern[str]) -> str:
        """Read what the pattern matches here and return it; "" if it does not match."""
        found = pattern.match(self.text, self.pos)
        if found is None:
            return ""
        self.pos = found.end()
        return found.group()

    def read_until(self, end: str, what: str) -> str:
        """Read up to and including `end`, and return the text before it. Raises SyntaxFault if `end` is missing."""
        found = self.text.find(end, self.pos)
        if found < 0:
            raise self.build_fault(f"{what} is not closed")
        text, self.pos = self.text[self.pos : found], found + len(end)
        return text

    def expect(self, text: str) -> None:
        if not self.take(text):
            found = self.peek() or "the end"
            raise self.build_fault(f"{text!r} was expected, not {found!r}")

    def build_fault(self, message: str) -> SyntaxFault:
        return SyntaxFault(message, self.at)

    def build_nested(self, text: str, base: int) -> "Source":
        return Source(text, self.program, self.operand, self.budget, base)
