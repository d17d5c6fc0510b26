"""Sets variables as assignments say."""

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
    """Whether assignments outlive their command: there is none, or it declares."""
    return not any(alternatives) or (bool(alternatives[0]) and alternatives[0][0] in DECLARATIONS)


def assign(shell: ExpandingShell, command: Simple, *, lasting: bool) -> dict[str, Values | None]:
    """Set variables; those that hold for one command only are given back with what they were."""
    kept: dict[str, Values | None] = {}
    refers = lasting and any(REFERS.fullmatch(word.bare or "") for word in command.words[1:])
    for assignment in command.assignments:
        if refers:
            shell.state.references[assignment.name] = shell.expander.expand_text(assignment.value)[0]
        elif assignment.elements is not None:
            _assign_array(shell, assignment, assignment.elements)
        else:
            kept.setdefault(assignment.name, shell.state.variables.get(assignment.name))
            _assign_text(shell, assignment)
            hooks.inspect_variable(shell, assignment.name, shell.state.variables.get(assignment.name, ()))
    return {} if lasting else kept


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
    """The fields of a word, each with all that it may be."""
    alternatives = shell.expander.expand_words((word,))
    longest = max(map(len, alternatives))
    return [
        merge_values(tuple(fields[place] if place < len(fields) else "" for fields in alternatives))
        for place in range(longest)
    ]


def _find_next_index(array: dict[str, Values]) -> int:
    """The index after the last."""
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
    """A variable that holds what a command printed is a variable: not known, as others."""
    return tuple(value.replace(placeholders.OUTPUT, placeholders.UNKNOWN) for value in values)


def restore(state: State, kept: dict[str, Values | None]) -> None:
    for name, values in kept.items():
        if values is None:
            state.variables.pop(name, None)
        else:
            state.variables[name] = values
