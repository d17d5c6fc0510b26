"""Expands `${…}` in one combination of alternatives."""

import re
from collections.abc import Callable
from typing import Protocol

from runner.policy import placeholders
from runner.policy.expansion import patterns
from runner.policy.expansion.choices import Choices
from runner.policy.grammar.ansi import unescape
from runner.policy.grammar.syntax import Parameter, Word
from runner.policy.shell.state import UNSET, State, Values


class OperandExpander(Protocol):
    """The part of the Expander that parameters use. `later` collects assignments, applied after all combinations."""

    state: State
    choices: Choices
    later: list[tuple[str, str]]

    def pick_variable(self, name: str) -> str: ...

    def expand_to_text(self, word: Word | None, *, quoted: bool = False) -> str: ...


def expand_fields(part: Parameter, expander: OperandExpander) -> tuple[str, ...] | None:
    """Return the fields of `$@` and `${name[@]}`; None for a parameter that gives one text."""
    if part.prefix or (part.operator and part.operator != ":"):
        return None
    index = part.index.bare if part.index is not None else None
    if part.name and part.name in "@*":
        found = expander.state.get_all_arguments()
    elif index in ("@", "*"):
        found = _list_elements(part.name, expander)
    else:
        return None
    if part.operator == ":":
        found = _slice_fields(expander.expand_to_text(part.word), found, part.name)
    if not part.quoted:
        return tuple(field for text in found for field in text.translate(placeholders.ACTIVE).split())
    return found if "@" in (part.name, index) else (" ".join(found),)


def _list_elements(name: str, expander: OperandExpander) -> tuple[str, ...]:
    several = expander.state.get_elements(name)
    return tuple(_pick_value(expander, (name, place), values) for place, values in enumerate(several))


def _pick_value(expander: OperandExpander, key: object, values: Values) -> str:
    return expander.choices.pick("unset" if values == UNSET else str(key), values)


SLICE = re.compile(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6}))?\s*\Z")


def _slice_fields(bounds: str, found: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Slice fields: `${@:2}` counts from 1, `${a[@]:1:2}` from 0."""
    numbers = SLICE.match(bounds)
    if numbers is None:
        return found
    start = int(numbers[1]) - (name in "@*")
    return found[max(0, start) :][: int(numbers[2]) if numbers[2] else None]


def expand_text(part: Parameter, expander: OperandExpander) -> str:
    """Return the value of the parameter after its operator."""
    if part.prefix == "#":
        return placeholders.UNKNOWN
    found = _get_base_value(part, expander)
    if part.prefix == "!":
        found = _expand_indirect(part, found, expander)
    if not part.operator:
        return found
    return OPERATORS[part.operator.lstrip(":")[:1]](part, found, expander)


def _get_base_value(part: Parameter, expander: OperandExpander) -> str:
    if part.name and part.name in "@*":
        return " ".join(expander.state.get_all_arguments())
    if part.index is None:
        return expander.pick_variable(part.name)
    index = expander.expand_to_text(part.index)
    if index in ("@", "*"):
        return " ".join(_list_elements(part.name, expander))
    return _pick_value(expander, (part.name, index), expander.state.get_element(part.name, index))


def _expand_indirect(part: Parameter, found: str, expander: OperandExpander) -> str:
    """Expand `${!name}`; `${!name[@]}` and an unknown name give a placeholder."""
    if part.index is not None or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*|[0-9]", found):
        return placeholders.UNKNOWN if found else ""
    return expander.pick_variable(found)


def _apply_default(part: Parameter, found: str, expander: OperandExpander) -> str:
    """Expand `:-` and `:=`: the operand if the value is empty."""
    operand = expander.expand_to_text(part.word, quoted=part.quoted)
    if found:
        return found
    if "=" in part.operator:
        expander.later.append((part.name, operand))
    return operand


def _stop_if_empty(part: Parameter, found: str, expander: OperandExpander) -> str:
    """Expand `:?`: the shell stops if the value is empty."""
    expander.expand_to_text(part.word, quoted=part.quoted)
    expander.later.append((part.name, found or placeholders.UNKNOWN))
    return found or placeholders.UNKNOWN


def _apply_alternate(part: Parameter, found: str, expander: OperandExpander) -> str:
    operand = expander.expand_to_text(part.word, quoted=part.quoted)
    return operand if found else ""


def _trim_pattern(part: Parameter, found: str, expander: OperandExpander) -> str:
    """Expand `#`, `##`, `%` and `%%`."""
    return patterns.trim(found, expander.expand_to_text(part.word), part.operator)


def _replace_pattern(part: Parameter, found: str, expander: OperandExpander) -> str:
    return patterns.replace(found, expander.expand_to_text(part.word), part.operator)


def _upper_case(part: Parameter, found: str, expander: OperandExpander) -> str:
    return found.upper() if part.operator == "^^" else found[:1].upper() + found[1:]


def _lower_case(part: Parameter, found: str, expander: OperandExpander) -> str:
    return found.lower() if part.operator == ",," else found[:1].lower() + found[1:]


SUBSTRING = re.compile(r"\s*(\(?\s*-?\d{1,6}\s*\)?)\s*(?::\s*(-?\d{1,6}))?\s*\Z")


def _take_substring(part: Parameter, found: str, expander: OperandExpander) -> str:
    return _slice_text(found, expander.expand_to_text(part.word))


def _slice_text(value: str, operand: str) -> str:
    """Expand `:offset:length`; of a value whose beginning alone is known, only a slice of that beginning is known."""
    bounds = SUBSTRING.match(operand)
    if bounds is None:
        return placeholders.UNKNOWN
    start, length = int(bounds[1].strip("() ")), int(bounds[2]) if bounds[2] is not None else None
    placeholder = placeholders.TEXT.search(value)
    if placeholder is not None and (start < 0 or length is None or length < 0 or start + length > placeholder.start()):
        return placeholders.UNKNOWN
    if value.startswith(placeholders.HOME) and (start, length) == (0, 1):
        return "/"
    start = max(0, len(value) + start) if start < 0 else start
    if length is None:
        return value[start:]
    return value[start : start + length if length >= 0 else len(value) + length]


def _transform(part: Parameter, found: str, expander: OperandExpander) -> str:
    """Expand `@E`, `@P`, `@U` and `@L`; other letters leave the value as it is."""
    kind = expander.expand_to_text(part.word)
    changes: dict[str, Callable[[str], str]] = {"E": unescape, "P": unescape, "U": str.upper, "L": str.lower}
    return changes.get(kind, str)(found)


OPERATORS: dict[str, Callable[[Parameter, str, OperandExpander], str]] = {
    "-": _apply_default,
    "=": _apply_default,
    "?": _stop_if_empty,
    "+": _apply_alternate,
    "#": _trim_pattern,
    "%": _trim_pattern,
    "/": _replace_pattern,
    "^": _upper_case,
    ",": _lower_case,
    "@": _transform,
    "": _take_substring,
}
