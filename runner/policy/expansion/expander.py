"""Expands a word into alternatives of fields, with placeholders for unknown values."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from runner.policy import placeholders
from runner.policy.expansion import arithmetic, braces, parameters
from runner.policy.expansion.choices import Choices
from runner.policy.grammar.source import Budget
from runner.policy.grammar.syntax import (
    Arithmetic,
    CommandSubstitution,
    Literal,
    Parameter,
    Part,
    ProcessSubstitution,
    Sequence,
    Word,
)
from runner.policy.shell.state import State, Values, limit_length, merge_values

Fields = tuple[str, ...]
Result = TypeVar("Result")
TILDE = re.compile(r"~([A-Za-z0-9_.+-]*)(?=/|:|\Z)")
SPECIAL = re.compile(r"[~*?\[{]")
NOTHING = "\U000f0010"
"""Stands for an empty quoted text until the fields are split."""


@dataclass(slots=True)
class Expander:
    """Expands words in the current state of the shell.

    `capture` runs a command and gives its output; `process` gives the path of a process substitution.
    """

    state: State
    capture: Callable[[Sequence], Values]
    process: Callable[[ProcessSubstitution], str]
    budget: Budget
    choices: Choices = field(default_factory=Choices)
    printed: dict[int, Values] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)
    later: list[tuple[str, str]] = field(default_factory=list)

    # All combinations.

    def expand_words(self, words: tuple[Word, ...], *, brief: bool = False) -> list[Fields]:
        """Return the alternative fields of all the words; `brief` tries each alternative, not each combination."""
        if all((bare := word.bare) is not None and not SPECIAL.search(bare) for word in words):
            return [tuple(word.bare or "" for word in words)]
        return self.evaluate_worlds(
            lambda: tuple(field for word in words for field in self.expand_fields(word)), brief=brief
        )

    def expand_text(self, word: Word | None, *, quoted: bool = False) -> Values:
        """Return the alternatives of a word as one text without splitting, as assignments and redirects use it."""
        if word is None:
            return ("",)
        return tuple(self.evaluate_worlds(lambda: self.expand_to_text(word, quoted=quoted)))

    def evaluate_worlds(self, evaluate: Callable[[], Result], *, brief: bool = False) -> list[Result]:
        """Return the results of `evaluate` for each combination of alternatives. Substituted commands run only once."""
        before = self.choices, self.printed, self.paths
        self.choices, self.printed, self.paths = Choices(many=brief), {}, {}
        found: dict[Result, None] = {}
        try:
            while True:
                self.budget.spend(4)
                found[evaluate()] = None
                if not self.choices.advance():
                    break
        finally:
            self.choices, self.printed, self.paths = before
        self.apply_defaults()
        return list(found)

    def apply_defaults(self) -> None:
        """Store what `${name:=value}` and `${name:?}` assign to variables."""
        later, self.later = self.later, []
        assigned: dict[str, Values] = {}
        for name, value in later:
            assigned[name] = merge_values(assigned.get(name, ()), (value,))
        self.state.variables.update(assigned)

    # One combination.

    def expand_fields(self, word: Word) -> Fields:
        if (bare := word.bare) is not None and not SPECIAL.search(bare):
            return (bare,)
        return tuple(field for parts in braces.expand_braces(word.parts) for field in self.expand_parts(parts))

    def expand_parts(self, parts: tuple[Part, ...]) -> Fields:
        """Return the fields of one word that has no braces."""
        self.budget.spend(2 + (len(parts) >> 2))
        found = [""]
        for place, part in enumerate(parts):
            first, *others = self.expand_part(part, first=place == 0)
            found[-1] += first
            found.extend(others)
        self.spend_length(found)
        return tuple(field.replace(NOTHING, "") for field in found if field)

    def expand_to_text(self, word: Word | None, *, quoted: bool = False) -> str:
        """Return the word as one text in the current combination."""
        found = ""
        self.budget.spend(len(word.parts) >> 2 if word is not None else 0)
        for place, part in enumerate(word.parts if word is not None else ()):
            found += " ".join(self.expand_part(part, first=place == 0 and not quoted, split=False))
        self.spend_length([found])
        return found.replace(NOTHING, "")

    def spend_length(self, found: list[str]) -> None:
        """Spend steps by the length of the texts, because every later pass over them costs time."""
        self.budget.spend(sum(map(len, found)) >> 8)

    def pick_variable(self, name: str) -> str:
        """Pick a value of the variable. All variables that the text does not set are set by the login, or none is."""
        values = self.state.get_variable(name)
        return self.choices.pick("unset" if values == ("", placeholders.UNKNOWN) else name, values)

    def expand_part(self, part: Part, *, first: bool, split: bool = True) -> Fields:
        """Return the texts of a part: the first continues the field before it, the others begin new fields."""
        match part:
            case Literal():
                return (self.expand_literal(part, first),)
            case ProcessSubstitution():
                return (self.expand_process_substitution(part),)
            case Arithmetic():
                return (arithmetic.evaluate("".join(self.expand_arithmetic(part)), self.state),)
            case CommandSubstitution():
                value = self.expand_substitution(part)
            case Parameter():
                if (many := parameters.expand_fields(part, self)) is not None:
                    return many or ("",)
                value = parameters.expand_text(part, self)
        return self.split_value(value, quoted=part.quoted or not split)

    def expand_literal(self, part: Literal, first: bool) -> str:
        if part.quoted:
            return part.text or NOTHING
        text = part.text.translate(placeholders.ACTIVE)
        return TILDE.sub(self.expand_tilde, text, count=1) if first and text.startswith("~") else text

    def expand_tilde(self, found: re.Match[str]) -> str:
        name = found.group(1)
        if name in ("", "+", "-"):
            return {"": placeholders.HOME, "+": self.state.cwd}.get(name) or self.state.get_variable("OLDPWD")[0]
        return "/root" if name == "root" else f"/home/{name}"

    def expand_arithmetic(self, part: Arithmetic) -> Fields:
        """Return the pieces of arithmetic; command substitutions in it run too."""
        return tuple(text for piece in part.parts for text in self.expand_part(piece, first=False, split=False))

    def expand_substitution(self, part: CommandSubstitution) -> str:
        values = self.printed.get(id(part))
        if values is None:
            values = self.printed[id(part)] = self.capture(part.program)
        return self.choices.pick(id(part), values)

    def expand_process_substitution(self, part: ProcessSubstitution) -> str:
        path = self.paths.get(id(part))
        if path is None:
            path = self.paths[id(part)] = self.process(part)
        return path

    def split_value(self, value: str, *, quoted: bool) -> Fields:
        """Split an unquoted value at blanks, or at the characters of IFS, and make its wildcards active."""
        value = limit_length(value)
        if quoted:
            return (value or NOTHING,)
        return tuple(re.split(self.build_separator_pattern(), value.translate(placeholders.ACTIVE)))

    def build_separator_pattern(self) -> str:
        ifs = self.state.variables.get("IFS")
        if ifs is None or not ifs[0]:
            return r"[ \t\n]+" if ifs is None else r"(?!)"
        blanks = "".join(char for char in ifs[0] if char in " \t\n")
        others = re.escape("".join(char for char in ifs[0] if char not in " \t\n"))
        space = f"[{blanks}]" if blanks else "(?!)"
        return f"{space}*[{others}]{space}*|{space}+" if others else f"{space}+"
