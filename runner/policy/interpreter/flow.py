"""Interprets commands that run several times or not at all: branches, loops, cases, and lists with `&&` and `||`."""

from collections.abc import Callable
from typing import Protocol

from runner.policy.grammar.source import TooComplex
from runner.policy.grammar.syntax import Branch, Case, Chain, Command, ForLoop, Test, WhileLoop
from runner.policy.hit import Hit
from runner.policy.interpreter import conditions
from runner.policy.interpreter.redirects import ExpandingShell
from runner.policy.shell.state import MOST_VALUES, NOTHING, Values, concatenate_values, merge_values


class BranchingShell(ExpandingShell, Protocol):
    looping: bool
    hits: dict[Hit, None]

    def run_in_subshell(self, command: Command) -> Values: ...


def run_conditional(shell: BranchingShell, command: Command) -> Values:
    """Run a command that may run several times or not at all."""
    before = dict(shell.state.variables)
    match command:
        case Branch():
            found = _run_branch(shell, command)
        case WhileLoop():
            found = _run_loop(
                shell, lambda: concatenate_outputs([shell.run(command.condition), shell.run(command.body)])
            )
        case ForLoop():
            found = _run_loop(shell, lambda: _run_for(shell, command))
        case Case():
            found = _run_case(shell, command)
        case Test():
            found = _run_test(shell, command)
        case _:
            raise TypeError(command)
    shell.state.merge_variables(before)
    return found


def _run_loop(shell: BranchingShell, turn: Callable[[], Values]) -> Values:
    """Run a loop: once, and for the outermost loop once more with the variables that the first pass left."""
    before = dict(shell.state.variables)
    found = turn()
    if shell.looping or shell.state.variables == before:
        return found
    shell.looping = True
    shell.state.merge_variables(before)
    found = merge_values(found, turn())
    shell.looping = False
    return found


def _run_test(shell: BranchingShell, command: Test) -> Values:
    """Run `[[ … ]]` or `(( … ))`, also as shells without them read it: `dynamic.*` hits of that reading are dropped."""
    shell.expander.expand_words(command.words)
    if command.otherwise is not None and command.otherwise.commands:
        before = set(shell.hits)
        shell.run_in_subshell(command.otherwise)
        for hit in [hit for hit in shell.hits if hit not in before and hit.rule.startswith("dynamic.")]:
            del shell.hits[hit]
    return NOTHING


def _run_branch(shell: BranchingShell, command: Branch) -> Values:
    before = dict(shell.state.variables)
    outputs: list[Values] = []
    for place, body in enumerate(command.bodies):
        if place < len(command.conditions):
            shell.run(command.conditions[place])
        reached = dict(shell.state.variables)
        conditions.assume_true(command.conditions[place : place + 1], shell.state)
        outputs.append(shell.run(body))
        after, shell.state.variables = shell.state.variables, reached
        before = {**after, **{name: merge_values(values, after.get(name, values)) for name, values in before.items()}}
    shell.state.merge_variables(before)
    return merge_values(*outputs)


def run_chain(shell: BranchingShell, command: Chain) -> Values:
    """Run a list. A command after `&&` runs if all before it succeeded; one after `||` may run after any, or not."""
    outputs, ahead = [shell.run(command.first)], command.first
    reached = [dict(shell.state.variables)]
    for operator, inner in command.rest:
        if operator == "&&":
            conditions.assume_true((ahead,), shell.state)
            outputs.append(shell.run(inner))
        else:
            _merge_branches(shell, reached)
            reached = [dict(shell.state.variables)]
            outputs.append(_run_after_failure(shell, inner))
        reached.append(dict(shell.state.variables))
        ahead = inner
    _merge_branches(shell, reached)
    conditions.assume_guard_passed(command, shell.state)
    return (
        concatenate_outputs(outputs)
        if all(operator == "&&" for operator, _ in command.rest)
        else merge_values(*outputs)
    )


def _merge_branches(shell: BranchingShell, reached: list[dict[str, Values]]) -> None:
    """Merge the variables as they were at any of these points."""
    for variables in reached:
        shell.state.merge_variables(variables)


def _run_after_failure(shell: BranchingShell, command: Command) -> Values:
    """Run a command after `||`; the working directory stays that of the command that succeeded."""
    before = shell.state.cwd
    found = shell.run(command)
    shell.state.cwd = before
    return found


def _run_for(shell: BranchingShell, command: ForLoop) -> Values:
    if command.words is None:
        values: Values = shell.state.get_all_arguments() or NOTHING
    else:
        values = tuple(
            dict.fromkeys(field for fields in shell.expander.expand_words(command.words) for field in fields)
        )
        if len(values) > MOST_VALUES:
            raise TooComplex("too many words to loop over")
    if command.name and values:
        shell.state.variables[command.name] = values
    return shell.run(command.body)


def _run_case(shell: BranchingShell, command: Case) -> Values:
    shell.expander.expand_text(command.subject)
    outputs, before, after = [NOTHING], dict(shell.state.variables), list[dict[str, Values]]()
    for words, body in zip(command.patterns, command.bodies, strict=True):
        shell.expander.expand_words(words)
        outputs.append(shell.run(body))
        after.append(shell.state.variables)
        shell.state.variables = dict(before)
    for variables in after:
        shell.state.merge_variables(variables)
    return merge_values(*outputs)


def concatenate_outputs(outputs: list[Values]) -> Values:
    """Return the outputs one after the other as one text."""
    found: Values = NOTHING
    for values in outputs:
        found = concatenate_values(found, values)
    return found
