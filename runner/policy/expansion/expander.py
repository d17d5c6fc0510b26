"""What a word becomes: alternatives of fields, with marks for what is not known."""

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
"""Stands for an empty quoted text until the fields are cut."""


@dataclass(slots=True)
class Expander:
    """`capture` gives what commands print, `process` the path of a process substitution."""

    state: State
    capture: Callable[[Sequence], Values]
    process: Callable[[ProcessSubstitution], str]
    budget: Budget
    choices: Choices = field(default_factory=Choices)
    printed: dict[int, Values] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)
    later: list[tuple[str, str]] = field(default_factory=list)

    # Every world.

    def expand_words(self, words: tuple[Word, ...], *, brief: bool = False) -> list[Fields]:
        """Alternatives of all the words' fields. In `brief` each part has each alternative, but not each with each."""
        if all((bare := word.bare) is not None and not SPECIAL.search(bare) for word in words):
            return [tuple(word.bare or "" for word in words)]
        return self.evaluate_worlds(
            lambda: tuple(field for word in words for field in self.expand_fields(word)), brief=brief
        )

    def expand_text(self, word: Word | None, *, quoted: bool = False) -> Values:
        """The word as one text, without splitting: of an assignment, a redirection, a here-document."""
        if word is None:
            return ("",)
        return tuple(self.evaluate_worlds(lambda: self.expand_to_text(word, quoted=quoted)))

    def evaluate_worlds(self, evaluate: Callable[[], Result], *, brief: bool = False) -> list[Result]:
        """What `evaluate` gives with each combination of alternatives. What commands print is found once."""
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
        """Keep what `${name:=value}` and `${name:?}` said of variables."""
        later, self.later = self.later, []
        kept: dict[str, Values] = {}
        for name, value in later:
            kept[name] = merge_values(kept.get(name, ()), (value,))
        self.state.variables.update(kept)

    # One world.

    def expand_fields(self, word: Word) -> Fields:
        if (bare := word.bare) is not None and not SPECIAL.search(bare):
            return (bare,)
        return tuple(field for parts in braces.expand_braces(word.parts) for field in self.expand_parts(parts))

    def expand_parts(self, parts: tuple[Part, ...]) -> Fields:
        """The fields of one word without braces."""
        self.budget.spend(2 + (len(parts) >> 2))
        found = [""]
        for place, part in enumerate(parts):
            first, *others = self.expand_part(part, first=place == 0)
            found[-1] += first
            found.extend(others)
        self.spend_length(found)
        return tuple(field.replace(NOTHING, "") for field in found if field)

    def expand_to_text(self, word: Word | None, *, quoted: bool = False) -> str:
        """The word as one text in the world at hand."""
        found = ""
        self.budget.spend(len(word.parts) >> 2 if word is not None else 0)
        for place, part in enumerate(word.parts if word is not None else ()):
            found += " ".join(self.expand_part(part, first=place == 0 and not quoted, split=False))
        self.spend_length([found])
        return found.replace(NOTHING, "")

    def spend_length(self, found: list[str]) -> None:
        """Long texts cost time wherever they go."""
        self.budget.spend(sum(map(len, found)) >> 8)

    def pick_variable(self, name: str) -> str:
        """What a variable is. All that the text does not set are set by the login, or none is."""
        values = self.state.get_variable(name)
        return self.choices.pick("unset" if values == ("", placeholders.UNKNOWN) else name, values)

    def expand_part(self, part: Part, *, first: bool, split: bool = True) -> Fields:
        """What a part adds: its first text to the field before it, the others as new fields."""
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
        """The pieces of arithmetic; commands within it run too."""
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
        """Unquoted values are split at blanks, or what IFS says, and their wildcards are active."""
        value = limit_length(value)
        if quoted:
            return (value or NOTHING,)
        return tuple(re.split(self.build_separator_pattern(), value.translate(placeholders.ACTIVE)))

    def build_separator_pattern(self) -> str:
        given = self.state.variables.get("IFS")
        if given is None or not given[0]:
            return r"[ \t\n]+" if given is None else r"(?!)"
        blanks = "".join(char for char in given[0] if char in " \t\n")
        others = re.escape("".join(char for char in given[0] if char not in " \t\n"))
        space = f"[{blanks}]" if blanks else "(?!)"
        return f"{space}*[{others}]{space}*|{space}+" if others else f"{space}+"
