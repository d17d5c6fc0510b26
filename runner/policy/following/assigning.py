"""Sets variables as assignments say."""

from runner.policy import marks
from runner.policy.following.redirects import Following
from runner.policy.following.shell import Argv
from runner.policy.following.state import LONGEST_VALUE, State, Values, merged
from runner.policy.grammar.syntax import Assignment
from runner.policy.rules import checks

NOTHING: Values = ("",)
DECLARATIONS = frozenset({"declare", "typeset", "local", "export", "readonly"})


def lasts(alternatives: list[Argv]) -> bool:
    """Whether assignments outlive their command: there is none, or it declares."""
    return not any(alternatives) or (bool(alternatives[0]) and alternatives[0][0] in DECLARATIONS)


def assign(shell: Following, assignments: tuple[Assignment, ...], *, lasting: bool) -> dict[str, Values | None]:
    """Set variables; those that hold for one command only are given back with what they were."""
    kept: dict[str, Values | None] = {}
    for assignment in assignments:
        if checks.hijacks(assignment.name):
            shell.hit("dynamic.environment")
        if assignment.elements is not None:
            assign_array(shell, assignment)
            continue
        if not lasting:
            kept.setdefault(assignment.name, shell.state.variables.get(assignment.name))
        assign_text(shell, assignment)
    return kept


def assign_array(shell: Following, assignment: Assignment) -> None:
    fields = shell.expander.words(assignment.elements or ())
    elements = tuple(text for alternative in fields[:1] for text in alternative)
    before = shell.state.arrays.get(assignment.name, ()) if assignment.append else ()
    shell.state.arrays[assignment.name] = before + elements


def assign_text(shell: Following, assignment: Assignment) -> None:
    values = tuple(marks.plain(value) for value in shell.expander.text(assignment.value))
    if assignment.index is not None:
        before = shell.state.arrays.get(assignment.name, ())
        shell.state.arrays[assignment.name] = before + values
        return
    if assignment.append:
        now = shell.state.variables.get(assignment.name, NOTHING)
        values = merged(tuple(one + more for one in now for more in values))
    shell.state.variables[assignment.name] = tuple(value[:LONGEST_VALUE] for value in values)


def restore(state: State, kept: dict[str, Values | None]) -> None:
    for name, values in kept.items():
        if values is None:
            state.variables.pop(name, None)
        else:
            state.variables[name] = values
