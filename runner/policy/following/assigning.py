"""Sets variables as assignments say."""

import re

from runner.policy import marks
from runner.policy.following import hooks
from runner.policy.following.redirects import Following
from runner.policy.following.shell import Argv
from runner.policy.following.state import NOTHING, State, Values, bounded, joined, merged
from runner.policy.grammar.syntax import Assignment, Element, Simple, Word

DECLARATIONS = frozenset({"declare", "typeset", "local", "export", "readonly"})
REFERS = re.compile(r"-[A-Za-z]*n")
MOST_ELEMENTS = 256


def lasts(alternatives: list[Argv]) -> bool:
    """Whether assignments outlive their command: there is none, or it declares."""
    return not any(alternatives) or (bool(alternatives[0]) and alternatives[0][0] in DECLARATIONS)


def assign(shell: Following, command: Simple, *, lasting: bool) -> dict[str, Values | None]:
    """Set variables; those that hold for one command only are given back with what they were."""
    kept: dict[str, Values | None] = {}
    refers = lasting and any(REFERS.fullmatch(word.bare or "") for word in command.words[1:])
    for assignment in command.assignments:
        if refers:
            shell.state.references[assignment.name] = shell.expander.text(assignment.value)[0]
        elif assignment.elements is not None:
            assign_array(shell, assignment, assignment.elements)
        else:
            kept.setdefault(assignment.name, shell.state.variables.get(assignment.name))
            assign_text(shell, assignment)
            hooks.look_into(shell, assignment.name, shell.state.variables.get(assignment.name, ()))
    return {} if lasting else kept


def assign_array(shell: Following, assignment: Assignment, elements: tuple[Element, ...]) -> None:
    name = shell.state.references.get(assignment.name, assignment.name)
    array = dict(shell.state.arrays.get(name, {})) if assignment.append else {}
    for element in elements:
        if element.index is not None:
            array[shell.expander.text(element.index)[0]] = shell.expander.text(element.value)
            continue
        for values in columns(shell, element.value):
            array[str(following(array))] = values
    shell.state.arrays[name] = dict(list(array.items())[:MOST_ELEMENTS])


def columns(shell: Following, word: Word) -> list[Values]:
    """The fields of a word, each with all that it may be."""
    alternatives = shell.expander.words((word,))
    longest = max(map(len, alternatives))
    return [
        merged(tuple(fields[place] if place < len(fields) else "" for fields in alternatives))
        for place in range(longest)
    ]


def following(array: dict[str, Values]) -> int:
    """The index after the last."""
    return max((int(index) for index in array if index.isdigit()), default=-1) + 1


def assign_text(shell: Following, assignment: Assignment) -> None:
    name = shell.state.references.get(assignment.name, assignment.name)
    values = tuple(bounded(marks.plain(value)) for value in shell.expander.text(assignment.value))
    if assignment.append:
        values = joined(shell.state.variables.get(name, NOTHING), values)
    if assignment.index is not None:
        shell.state.arrays.setdefault(name, {})[shell.expander.text(assignment.index)[0]] = values
        return
    shell.state.variables[name] = printed_no_more(values)


def printed_no_more(values: Values) -> Values:
    """A variable that holds what a command printed is a variable: not known, as others."""
    return tuple(value.replace(marks.OUTPUT, marks.UNKNOWN) for value in values)


def restore(state: State, kept: dict[str, Values | None]) -> None:
    for name, values in kept.items():
        if values is None:
            state.variables.pop(name, None)
        else:
            state.variables[name] = values
