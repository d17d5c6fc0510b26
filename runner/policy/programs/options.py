"""Parses the options of programs: tells options, their values and operands apart."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """The options that take a value, which may be the next word. `short` holds letters, `long` names with dashes."""

    short: str = ""
    long: frozenset[str] = frozenset()
    single: bool = False
    """True if long names have one dash, as in `find` and `openssl`."""

    @classmethod
    def parse(cls, text: str, *, single: bool = False) -> "OptionSpec":
        """Parse letters and long names separated by blanks, as the rule files write them."""
        names = text.split()
        short = "".join(name for name in names if not name.startswith("-"))
        return cls(short, frozenset(name for name in names if name.startswith("-")), single)


@dataclass(slots=True)
class ParsedArguments:
    """Parsed arguments: `flags` holds letters and long names, `values` pairs of name and value, `rest` the operands."""

    flags: set[str] = field(default_factory=set)
    values: list[tuple[str, str]] = field(default_factory=list)
    rest: tuple[str, ...] = ()

    def has(self, *names: str) -> bool:
        return any(name in self.flags for name in names)

    def get_value(self, *names: str) -> str | None:
        """Return the last value of an option under any of its names, None if it has none."""
        found = [value for name, value in self.values if name in names]
        return found[-1] if found else None


def parse_leading_options(args: Iterable[str], takes: OptionSpec) -> ParsedArguments:
    """Parse options up to the first operand; the rest belongs to another command."""
    return _parse_options(tuple(args), takes, anywhere=False)


def parse_mixed_options(args: Iterable[str], takes: OptionSpec) -> ParsedArguments:
    """Parse options mixed with operands, as GNU programs do."""
    return _parse_options(tuple(args), takes, anywhere=True)


def _parse_options(args: tuple[str, ...], takes: OptionSpec, *, anywhere: bool) -> ParsedArguments:
    parsed, operands, place = ParsedArguments(), list[str](), 0
    while place < len(args):
        word = args[place]
        place += 1
        if word == "--":
            operands.extend(args[place:])
            break
        if word.startswith("--") or (takes.single and word.startswith("-") and len(word) > 1):
            place += _parse_long_option(word, args[place : place + 1], takes, parsed)
        elif word.startswith("-") and len(word) > 1:
            place += _parse_short_options(word[1:], args[place : place + 1], takes, parsed)
        elif anywhere:
            operands.append(word)
        else:
            operands.extend(args[place - 1 :])
            break
    parsed.rest = tuple(operands)
    return parsed


def _parse_long_option(word: str, following: tuple[str, ...], takes: OptionSpec, parsed: ParsedArguments) -> int:
    """Parse one long option, and return how many of the following words are its value."""
    name, equals, value = word.partition("=")
    parsed.flags.add(name)
    if equals:
        parsed.values.append((name, value))
    elif name in takes.long and following:
        parsed.values.append((name, following[0]))
        return 1
    return 0


def _parse_short_options(letters: str, following: tuple[str, ...], takes: OptionSpec, parsed: ParsedArguments) -> int:
    for place, letter in enumerate(letters):
        parsed.flags.add(letter)
        if letter not in takes.short:
            continue
        attached = letters[place + 1 :]
        parsed.values.append((letter, attached or "".join(following)))
        return 0 if attached else len(following)
    return 0
