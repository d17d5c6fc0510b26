"""Interprets assignments."""

import re

from runner.policy import placeholders
from runner.policy.grammar.syntax import Assignment, Element, Simple, Word
from runner.policy.interpreter.redirects import ExpandingShell
from runner.policy.shell import hooks
from runner.policy.shell.protocol import Argv
from runner.policy.shell.state import NOTHING, State, Values, concatenate_values, limit_length, merge_values

DECLARATIONS = frozenset({"declare", "typeset", "local", "export", "readonly"})
REFERS = re.compile(r"-[A-Za-z]*n")
MOST_ELEMENTS = 256


def is_lasting(alternatives: list[Argv]) -> bool:
    """True if assignments outlive their command: there is no command, or it is a declaration."""
    return not any(alternatives) or (bool(alternatives[0]) and alternatives[0][0] in DECLARATIONS)


def assign(shell: ExpandingShell, command: Simple, *, lasting: bool) -> dict[str, Values | None]:
    """Set variables. Return the earlier values of those that last for one command only, for `restore`."""
    previous: dict[str, Values | None] = {}
    refers = lasting and any(REFERS.fullmatch(word.bare or "") for word in command.words[1:])
    for assignment in command.assignments:
        if refers:
            shell.state.references[assignment.name] = shell.expander.expand_text(assignment.value)[0]
        elif assignment.elements is not None:
            _assign_array(shell, assignment, assignment.elements)
        else:
            previous.setdefault(assignment.name, shell.state.variables.get(assignment.name))
            _assign_text(shell, assignment)
            hooks.inspect_variable(shell, assignment.name, shell.state.variables.get(assignment.name, ()))
    return {} if lasting else previous


def _assign_array(shell: ExpandingShell, assignment: Assignment, elements: tuple[Element, ...]) -> None:
    name = shell.state.references.get(assignment.name, assignment.name)
    array = dict(shell.state.arrays.get(name, {})) if assignment.append else {}
    for element in elements:
        if element.index is not None:
            array[shell.expander.expand_text(element.index)[0]] = shell.expander.expand_text(element.value)
            continue
        for values in _expand_columns(shell, element.value):
            array[str(_find_next_index(array))] = values
    shell.state.arrays[name] = dict(list(array.items())[:MOST_ELEMENTS])


def _expand_columns(shell: ExpandingShell, word: Word) -> list[Values]:
    """Return the fields of a word, each with all its alternatives."""
    alternatives = shell.expander.expand_words((word,))
    longest = max(map(len, alternatives))
    return [
        merge_values(tuple(fields[place] if place < len(fields) else "" for fields in alternatives))
        for place in range(longest)
    ]


def _find_next_index(array: dict[str, Values]) -> int:
    """Return the index after the last one."""
    return max((int(index) for index in array if index.isdigit()), default=-1) + 1


def _assign_text(shell: ExpandingShell, assignment: Assignment) -> None:
    name = shell.state.references.get(assignment.name, assignment.name)
    values = tuple(
        limit_length(placeholders.restore_wildcards(value)) for value in shell.expander.expand_text(assignment.value)
    )
    if assignment.append:
        values = concatenate_values(shell.state.variables.get(name, NOTHING), values)
    if assignment.index is not None:
        shell.state.arrays.setdefault(name, {})[shell.expander.expand_text(assignment.index)[0]] = values
        return
    shell.state.variables[name] = _forget_output(values)


def _forget_output(values: Values) -> Values:
    """Return the values with OUTPUT replaced by UNKNOWN: stored output is unknown as any variable is."""
    return tuple(value.replace(placeholders.OUTPUT, placeholders.UNKNOWN) for value in values)


def restore(state: State, previous: dict[str, Values | None]) -> None:
    for name, values in previous.items():
        if values is None:
            state.variables.pop(name, None)
        else:
            state.variables[name] = values
