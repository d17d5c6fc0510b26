"""What `${…}` gives, in one world."""

import re
from collections.abc import Callable
from typing import Protocol

from runner.policy import marks
from runner.policy.following import patterns
from runner.policy.following.choices import Choices
from runner.policy.following.state import UNSET, State, Values
from runner.policy.grammar.ansi import unescape
from runner.policy.grammar.syntax import Parameter, Word


class Texts(Protocol):
    """Expands the operands. `later` holds what variables become once every world was looked at."""

    state: State
    choices: Choices
    later: list[tuple[str, str]]

    def pick(self, name: str) -> str: ...

    def one(self, word: Word | None, *, quoted: bool = False) -> str: ...


def many(part: Parameter, texts: Texts) -> tuple[str, ...] | None:
    """The fields of `$@` and `${name[@]}`; None for what is one text."""
    if part.prefix or (part.operator and part.operator != ":"):
        return None
    index = part.index.bare if part.index is not None else None
    if part.name and part.name in "@*":
        found = texts.state.all_arguments()
    elif index in ("@", "*"):
        found = elements(part.name, texts)
    else:
        return None
    if part.operator == ":":
        found = sliced(texts.one(part.word), found, part.name)
    if not part.quoted:
        return tuple(field for text in found for field in text.translate(marks.ACTIVE).split())
    return found if "@" in (part.name, index) else (" ".join(found),)


def elements(name: str, texts: Texts) -> tuple[str, ...]:
    several = texts.state.elements(name)
    return tuple(pick(texts, (name, place), values) for place, values in enumerate(several))


def pick(texts: Texts, key: object, values: Values) -> str:
    return texts.choices.pick("unset" if values == UNSET else str(key), values)


SLICE = re.compile(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6}))?\s*\Z")


def sliced(bounds: str, found: tuple[str, ...], name: str) -> tuple[str, ...]:
    """`${@:2}` counts from 1, `${a[@]:1:2}` from 0."""
    given = SLICE.match(bounds)
    if given is None:
        return found
    start = int(given[1]) - (name in "@*")
    return found[max(0, start) :][: int(given[2]) if given[2] else None]


def one(part: Parameter, texts: Texts) -> str:
    """What the parameter is."""
    if part.prefix == "#":
        return marks.UNKNOWN
    found = base(part, texts)
    if part.prefix == "!":
        found = indirect(part, found, texts)
    if not part.operator:
        return found
    return OPERATORS[part.operator.lstrip(":")[:1]](part, found, texts)


def base(part: Parameter, texts: Texts) -> str:
    if part.name and part.name in "@*":
        return " ".join(texts.state.all_arguments())
    if part.index is None:
        return texts.pick(part.name)
    index = texts.one(part.index)
    if index in ("@", "*"):
        return " ".join(elements(part.name, texts))
    return pick(texts, (part.name, index), texts.state.element(part.name, index))


def indirect(part: Parameter, found: str, texts: Texts) -> str:
    """`${!name}`; of `${!name[@]}` and of a name that is not known, anything."""
    if part.index is not None or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*|[0-9]", found):
        return marks.UNKNOWN if found else ""
    return texts.pick(found)


def default(part: Parameter, found: str, texts: Texts) -> str:
    """`:-` and `:=`: the operand where it is empty."""
    operand = texts.one(part.word, quoted=part.quoted)
    if found:
        return found
    if "=" in part.operator:
        texts.later.append((part.name, operand))
    return operand


def required(part: Parameter, found: str, texts: Texts) -> str:
    """`:?`: the shell stops if it is empty."""
    texts.one(part.word, quoted=part.quoted)
    texts.later.append((part.name, found or marks.UNKNOWN))
    return found or marks.UNKNOWN


def alternate(part: Parameter, found: str, texts: Texts) -> str:
    operand = texts.one(part.word, quoted=part.quoted)
    return operand if found else ""


def trimmed(part: Parameter, found: str, texts: Texts) -> str:
    """`#`, `##`, `%`, `%%`."""
    return patterns.trim(found, texts.one(part.word), part.operator)


def replaced(part: Parameter, found: str, texts: Texts) -> str:
    return patterns.replace(found, texts.one(part.word), part.operator)


def raised(part: Parameter, found: str, texts: Texts) -> str:
    return found.upper() if part.operator == "^^" else found[:1].upper() + found[1:]


def lowered(part: Parameter, found: str, texts: Texts) -> str:
    return found.lower() if part.operator == ",," else found[:1].lower() + found[1:]


SUBSTRING = re.compile(r"\s*(\(?\s*-?\d{1,6}\s*\)?)\s*(?::\s*(-?\d{1,6}))?\s*\Z")


def substring(part: Parameter, found: str, texts: Texts) -> str:
    return cut(found, texts.one(part.word))


def cut(value: str, operand: str) -> str:
    """`:offset:length`; of a value that is known only at its beginning, that."""
    bounds = SUBSTRING.match(operand)
    if bounds is None:
        return marks.UNKNOWN
    start, length = int(bounds[1].strip("() ")), int(bounds[2]) if bounds[2] is not None else None
    mark = marks.TEXT.search(value)
    if mark is not None and (start < 0 or length is None or length < 0 or start + length > mark.start()):
        return marks.UNKNOWN
    if value.startswith(marks.HOME) and (start, length) == (0, 1):
        return "/"
    start = max(0, len(value) + start) if start < 0 else start
    if length is None:
        return value[start:]
    return value[start : start + length if length >= 0 else len(value) + length]


def transformed(part: Parameter, found: str, texts: Texts) -> str:
    """`@E` and the like."""
    kind = texts.one(part.word)
    changes: dict[str, Callable[[str], str]] = {"E": unescape, "P": unescape, "U": str.upper, "L": str.lower}
    return changes.get(kind, str)(found)


OPERATORS: dict[str, Callable[[Parameter, str, Texts], str]] = {
    "-": default,
    "=": default,
    "?": required,
    "+": alternate,
    "#": trimmed,
    "%": trimmed,
    "/": replaced,
    "^": raised,
    ",": lowered,
    "@": transformed,
    "": substring,
}
