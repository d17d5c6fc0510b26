"""A shell text that is being read: the place in it, and what it may still cost."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runner.policy.grammar.syntax import Redirect, Sequence, Word

LONGEST = 65_536
"""Characters of one text, as many as a command may have. More is refused, not guessed at."""
DEEPEST = 96
MOST_STEPS = 20_000


class SyntaxFault(Exception):
    """The text is not a shell program. `at` is the offset of the fault."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class TooComplex(Exception):
    """Reading the text would cost too much."""


@dataclass(slots=True)
class Budget:
    """Steps that are left for a whole check, nested texts included.

    With `unquoted` given, reading notes there what stands outside of quotes, by its offset.
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
        """For what may end with a fault: however deep it was, it is left."""
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
    """`base` is the offset of `text` in the outermost text; `program` reads commands up to a closing word.

    `operand` reads a word up to a closer, within quotes or not: see `words.parse_operand`.
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
        """Whether `text` is next; it is read if so."""
        if not self.text.startswith(text, self.pos):
            return False
        self.pos += len(text)
        return True

    def match(self, pattern: re.Pattern[str]) -> str:
        """What the pattern matches here, read; empty if nothing."""
        found = pattern.match(self.text, self.pos)
        if found is None:
            return ""
        self.pos = found.end()
        return found.group()

    def read_until(self, end: str, what: str) -> str:
        """The text up to `end`, which is read too."""
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
