"""What `${…}` gives."""

import re
from collections.abc import Callable
from typing import Protocol

from runner.policy import marks
from runner.policy.following import patterns
from runner.policy.following.state import State, Values, merged
from runner.policy.grammar.syntax import Parameter, Word


class Texts(Protocol):
    """Expands the operands."""

    @property
    def state(self) -> State: ...

    def text(self, word: Word | None, *, quoted: bool = False) -> Values: ...


def many(part: Parameter, state: State) -> tuple[str, ...] | None:
    """The fields of `$@` and `${name[@]}`; None for what is one text."""
    if part.prefix or (part.operator and part.operator != ":"):
        return None
    if part.name in "@*" and part.name:
        found = state.all_arguments()
    elif part.index in ("@", "*"):
        found = state.elements(part.name)
    else:
        return None
    if part.operator == ":":
        found = sliced(part.word, found)
    if not part.quoted:
        return tuple(field for text in found for field in text.translate(marks.ACTIVE).split())
    return found if "@" in (part.name, part.index) else (" ".join(found),)


def sliced(word: Word | None, found: tuple[str, ...]) -> tuple[str, ...]:
    """`${@:2}`; elements count from 1."""
    text = word.bare if word is not None else None
    start = re.match(r"(\d+)\Z", text or "")
    return found[max(0, int(start[1]) - 1) :] if start else found


def values(part: Parameter, texts: Texts) -> Values:
    """What the parameter may be."""
    if part.prefix == "#":
        return (marks.UNKNOWN,)
    found = base(part, texts.state)
    if part.prefix == "!":
        found = merged(*(texts.state.value(name) for name in found))
    if not part.operator:
        return found
    return OPERATORS[part.operator.lstrip(":")[:1]](part, found, texts)


def base(part: Parameter, state: State) -> Values:
    if part.name in "@*" and part.name:
        return state.all_arguments() or ("",)
    if part.index is None:
        return state.value(part.name)
    elements = state.elements(part.name)
    if part.index.isdigit() and part.name in state.arrays:
        return elements[int(part.index) : int(part.index) + 1] or ("",)
    return elements or ("",)


def default(part: Parameter, found: Values, texts: Texts) -> Values:
    """`:-` and `:=`: the operand where it may be empty."""
    if "" not in found and marks.UNKNOWN not in found:
        return found
    operand = texts.text(part.word, quoted=part.quoted)
    result = merged(tuple(value for value in found if value), operand)
    if "=" in part.operator:
        texts.state.variables[part.name] = result
    return result


def required(part: Parameter, found: Values, texts: Texts) -> Values:
    """`:?`: the shell stops if it is empty."""
    texts.text(part.word, quoted=part.quoted)
    return tuple(value for value in found if value) or (marks.UNKNOWN,)


def alternate(part: Parameter, found: Values, texts: Texts) -> Values:
    operand = texts.text(part.word, quoted=part.quoted)
    return operand if all(value and marks.known(value) for value in found) else merged(operand, ("",))


def trimmed(part: Parameter, found: Values, texts: Texts) -> Values:
    """`#`, `##`, `%`, `%%`."""
    return merged(
        *((patterns.trim(value, pattern, part.operator),) for value in found for pattern in texts.text(part.word))
    )


def replaced(part: Parameter, found: Values, texts: Texts) -> Values:
    return merged(
        *((patterns.replace(value, operand, part.operator),) for value in found for operand in texts.text(part.word))
    )


def raised(part: Parameter, found: Values, texts: Texts) -> Values:
    if part.operator == "^^":
        return tuple(value.upper() for value in found)
    return tuple(value[:1].upper() + value[1:] for value in found)


def lowered(part: Parameter, found: Values, texts: Texts) -> Values:
    if part.operator == ",,":
        return tuple(value.lower() for value in found)
    return tuple(value[:1].lower() + value[1:] for value in found)


SUBSTRING = re.compile(r"\s*(\(?-?\d+\)?)\s*(?::\s*(-?\d+))?\s*\Z")


def substring(part: Parameter, found: Values, texts: Texts) -> Values:
    return merged(*((cut(value, operand),) for value in found for operand in texts.text(part.word)))


def cut(value: str, operand: str) -> str:
    bounds = SUBSTRING.match(operand)
    if bounds is None or not marks.known(value):
        return marks.UNKNOWN
    start = int(bounds[1].strip("()"))
    start = max(0, len(value) + start) if start < 0 else start
    if bounds[2] is None:
        return value[start:]
    length = int(bounds[2])
    return value[start : start + length if length >= 0 else len(value) + length]


def kept(part: Parameter, found: Values, texts: Texts) -> Values:
    """`@Q` and the like, and `:offset:length`, whose operator is a colon alone."""
    return found


OPERATORS: dict[str, Callable[[Parameter, Values, Texts], Values]] = {
    "-": default,
    "=": default,
    "?": required,
    "+": alternate,
    "#": trimmed,
    "%": trimmed,
    "/": replaced,
    "^": raised,
    ",": lowered,
    "@": kept,
    "": substring,
}
