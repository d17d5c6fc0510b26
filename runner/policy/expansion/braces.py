"""Expands the braces of a word: `a{b,c}d`, `{1..5}`."""

import re
from typing import TypeAlias

from runner.policy.grammar.source import TooComplex
from runner.policy.grammar.syntax import Literal, Part

Atom: TypeAlias = str | Part
"""An unquoted character, or a part that brace expansion leaves whole."""

MOST = 256
DEEPEST = 16
MOST_OPEN = 48
LONGEST_RANGE = 64
RANGE = re.compile(r"(-?\d{1,6}|[A-Za-z])\.\.(-?\d{1,6}|[A-Za-z])(?:\.\.-?\d{1,4})?\Z")


def expand_braces(parts: tuple[Part, ...]) -> list[tuple[Part, ...]]:
    """Return the words that one word expands to. Raises TooComplex when there are more than 256."""
    if not any(isinstance(part, Literal) and not part.quoted and "{" in part.text for part in parts):
        return [parts]
    atoms = _split_atoms(parts)
    if atoms.count("{") > MOST_OPEN:
        raise TooComplex("too many braces in one word")
    return [_join_atoms(found) for found in _expand_first_brace(atoms, 0)]


def _split_atoms(parts: tuple[Part, ...]) -> list[Atom]:
    atoms: list[Atom] = []
    for part in parts:
        if isinstance(part, Literal) and not part.quoted:
            atoms.extend(part.text)
        else:
            atoms.append(part)
    return atoms


def _join_atoms(atoms: list[Atom]) -> tuple[Part, ...]:
    parts: list[Part] = []
    text = ""
    for atom in [*atoms, None]:
        if isinstance(atom, str):
            text += atom
            continue
        if text:
            parts.append(Literal(text))
            text = ""
        if atom is not None:
            parts.append(atom)
    return tuple(parts)


def _expand_first_brace(atoms: list[Atom], depth: int) -> list[list[Atom]]:
    """Expand the first brace that has alternatives, then the rest."""
    for start, atom in enumerate(atoms):
        if atom != "{":
            continue
        if depth > DEEPEST:
            raise TooComplex("too many braces")
        end, choices = _find_choices(atoms, start)
        if len(choices) < 2:
            continue
        before, rest = atoms[:start], _expand_first_brace(atoms[end:], depth + 1)
        inner = [found for choice in choices for found in _expand_first_brace(choice, depth + 1)]
        if len(inner) * len(rest) > MOST:
            raise TooComplex("too many words from braces")
        return [before + middle + after for middle in inner for after in rest]
    return [atoms]


def _find_choices(atoms: list[Atom], start: int) -> tuple[int, list[list[Atom]]]:
    """Return the position after the brace at `start`, and its alternatives; none if it does not close."""
    depth, choices, current = 0, [], list[Atom]()
    for place in range(start + 1, len(atoms)):
        atom = atoms[place]
        if atom == "}" and depth == 0:
            choices.append(current)
            return place + 1, choices if len(choices) > 1 else _expand_range(current)
        if atom == "," and depth == 0:
            choices.append(current)
            current = []
            continue
        depth += {"{": 1, "}": -1}.get(atom, 0) if isinstance(atom, str) else 0
        current.append(atom)
    return start, []


def _expand_range(atoms: list[Atom]) -> list[list[Atom]]:
    """Expand `1..5` or `a..e`; the first 64 values stand for the others."""
    if not all(isinstance(atom, str) for atom in atoms):
        return []
    found = RANGE.match("".join(atom for atom in atoms if isinstance(atom, str)))
    if found is None or found[1].lstrip("-").isdigit() != found[2].lstrip("-").isdigit():
        return []
    if found[1].lstrip("-").isdigit():
        return [list(str(number)) for number in _build_range(int(found[1]), int(found[2]))]
    return [[chr(code)] for code in _build_range(ord(found[1]), ord(found[2]))]


def _build_range(first: int, last: int) -> range:
    count = min(abs(last - first) + 1, LONGEST_RANGE)
    return range(first, first + count) if last >= first else range(first, first - count, -1)
