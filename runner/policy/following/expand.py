"""What a word becomes: alternatives of fields, with marks for what is not known."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from runner.policy import marks
from runner.policy.following import braces, parameters
from runner.policy.following.state import LONGEST_VALUE, MOST_VALUES, State, Values
from runner.policy.grammar.syntax import Arithmetic, Literal, Parameter, Part, Process, Sequence, Substitution, Word

Fields = tuple[str, ...]
TILDE = re.compile(r"~([A-Za-z0-9_.-]*)(?=/|:|\Z)")
BLANKS = re.compile(r"[ \t\n]+")
NOTHING = "\U000f0010"
"""Stands for an empty quoted text until the fields are cut."""


@dataclass(frozen=True, slots=True)
class Expander:
    """`capture` gives what commands print, `process` the path of a process substitution."""

    state: State
    capture: Callable[[Sequence], Values]
    process: Callable[[Process], str]

    def words(self, words: tuple[Word, ...]) -> list[Fields]:
        """Alternatives of all the words' fields."""
        found: list[Fields] = [()]
        for word in words:
            found = crossed(found, self.fields(word))
        return found

    def fields(self, word: Word) -> list[Fields]:
        if (bare := word.bare) is not None and not SPECIAL.search(bare):
            return [(bare,)]
        found: list[Fields] = [()]
        for parts in braces.expanded(word.parts):
            found = crossed(found, self.cut(parts))
        return found

    def cut(self, parts: tuple[Part, ...]) -> list[Fields]:
        """Alternatives of the fields of one word without braces."""
        found: list[Fields] = [("",)]
        for place, part in enumerate(parts):
            found = joined(found, self.pieces(part, place == 0))
        return [tuple(field.replace(NOTHING, "") for field in fields if field) for fields in found]

    def text(self, word: Word | None, *, quoted: bool = False) -> Values:
        """The word as one text, without splitting: of an assignment, a redirection, a here-document."""
        if word is None:
            return ("",)
        found: list[Fields] = [("",)]
        for place, part in enumerate(word.parts):
            found = joined(found, self.pieces(part, place == 0 and not quoted, split=False))
        return tuple(dict.fromkeys(" ".join(fields).replace(NOTHING, "") for fields in found)) or ("",)

    def pieces(self, part: Part, first: bool, *, split: bool = True) -> list[Fields]:
        """Alternatives of what a part adds: its first text to the field before it, the others as new fields."""
        if isinstance(part, Literal):
            return [(self.literal(part, first),)]
        if isinstance(part, Process):
            return [(self.process(part),)]
        if isinstance(part, Arithmetic):
            self.seen(part)
            return [(marks.UNKNOWN,)]
        if isinstance(part, Parameter) and (many := parameters.many(part, self.state)) is not None:
            return [many if many else ("",)]
        values = self.capture(part.program) if isinstance(part, Substitution) else parameters.values(part, self)
        return [cut_up(value, quoted=part.quoted or not split) for value in values]

    def literal(self, part: Literal, first: bool) -> str:
        if part.quoted:
            return part.text or NOTHING
        text = part.text.translate(marks.ACTIVE)
        return TILDE.sub(home, text, count=1) if first and text.startswith("~") else text

    def seen(self, part: Arithmetic) -> None:
        """Commands within arithmetic run too."""
        for inner in part.parts:
            self.pieces(inner, False)


SPECIAL = re.compile(r"[~*?\[{]")


def home(found: re.Match[str]) -> str:
    name = found.group(1)
    if not name:
        return marks.HOME
    return "/root" if name == "root" else f"/home/{name}"


def cut_up(value: str, *, quoted: bool) -> Fields:
    """Unquoted values are split at blanks, and their wildcards are active."""
    if len(value) > LONGEST_VALUE:
        value = marks.UNKNOWN
    if quoted:
        return (value or NOTHING,)
    return tuple(BLANKS.split(value.translate(marks.ACTIVE)))


def joined(found: list[Fields], pieces: list[Fields]) -> list[Fields]:
    """Every alternative so far with every alternative of the next part."""
    return [(*fields[:-1], fields[-1] + piece[0], *piece[1:]) for fields, piece in pairs(found, pieces)]


def crossed(found: list[Fields], more: list[Fields]) -> list[Fields]:
    return [fields + added for fields, added in pairs(found, more)]


def pairs(left: list[Fields], right: list[Fields]) -> list[tuple[Fields, Fields]]:
    """Each with each; when they are too many, each at least once."""
    if len(left) * len(right) <= MOST_VALUES:
        return [(one, other) for one in left for other in right]
    count = max(len(left), len(right))
    return [(left[place % len(left)], right[place % len(right)]) for place in range(count)]
