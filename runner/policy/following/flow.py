"""Follows what may run more than once or not at all: branches, loops, cases, and lists with `&&` and `||`."""

from collections.abc import Callable
from typing import Protocol

from runner.policy.following import conditions
from runner.policy.following.redirects import Following
from runner.policy.following.state import MOST_VALUES, NOTHING, Values, joined, merged
from runner.policy.grammar.source import TooComplex
from runner.policy.grammar.syntax import Branch, Case, Chain, Command, For, Loop, Test
from runner.policy.hit import Hit


class Runner(Following, Protocol):
    looping: bool
    hits: dict[Hit, None]

    def apart(self, command: Command) -> Values: ...


def conditional(runner: Runner, command: Command) -> Values:
    """What may run more than once or not at all."""
    before = dict(runner.state.variables)
    match command:
        case Branch():
            found = branch(runner, command)
        case Loop():
            found = repeated(runner, lambda: added([runner.run(command.condition), runner.run(command.body)]))
        case For():
            found = repeated(runner, lambda: each(runner, command))
        case Case():
            found = case(runner, command)
        case Test():
            found = test(runner, command)
        case _:
            raise TypeError(command)
    runner.state.join(before)
    return found


def repeated(runner: Runner, turn: Callable[[], Values]) -> Values:
    """A loop: once, and once more from what the first turn left, if that is the outermost loop."""
    before = dict(runner.state.variables)
    found = turn()
    if runner.looping or runner.state.variables == before:
        return found
    runner.looping = True
    runner.state.join(before)
    found = merged(found, turn())
    runner.looping = False
    return found


def test(runner: Runner, command: Test) -> Values:
    """`[[ … ]]` and `(( … ))`, also as a shell without them reads them: only what is surely bad counts then."""
    runner.expander.words(command.words)
    if command.otherwise is not None and command.otherwise.commands:
        before = set(runner.hits)
        runner.apart(command.otherwise)
        for hit in [hit for hit in runner.hits if hit not in before and hit.rule.startswith("dynamic.")]:
            del runner.hits[hit]
    return NOTHING


def branch(runner: Runner, command: Branch) -> Values:
    before = dict(runner.state.variables)
    outputs: list[Values] = []
    for place, body in enumerate(command.bodies):
        if place < len(command.conditions):
            runner.run(command.conditions[place])
        reached = dict(runner.state.variables)
        conditions.assume(command.conditions[place : place + 1], runner.state)
        outputs.append(runner.run(body))
        after, runner.state.variables = runner.state.variables, reached
        before = {**after, **{name: merged(values, after.get(name, values)) for name, values in before.items()}}
    runner.state.join(before)
    return merged(*outputs)


def chain(runner: Runner, command: Chain) -> Values:
    """What follows `&&` ran if all before it did; what follows `||` may run after any of them, or not at all."""
    outputs, ahead = [runner.run(command.first)], command.first
    reached = [dict(runner.state.variables)]
    for operator, inner in command.rest:
        if operator == "&&":
            conditions.assume((ahead,), runner.state)
            outputs.append(runner.run(inner))
        else:
            rejoin(runner, reached)
            reached = [dict(runner.state.variables)]
            outputs.append(otherwise(runner, inner))
        reached.append(dict(runner.state.variables))
        ahead = inner
    rejoin(runner, reached)
    conditions.insist(command, runner.state)
    return added(outputs) if all(operator == "&&" for operator, _ in command.rest) else merged(*outputs)


def rejoin(runner: Runner, reached: list[dict[str, Values]]) -> None:
    """Variables may be what they were at any of these places."""
    for variables in reached:
        runner.state.join(variables)


def otherwise(runner: Runner, command: Command) -> Values:
    """After `||`: the directory stays that of what succeeded."""
    before = runner.state.cwd
    found = runner.run(command)
    runner.state.cwd = before
    return found


def each(runner: Runner, command: For) -> Values:
    if command.words is None:
        values: Values = runner.state.all_arguments() or NOTHING
    else:
        values = tuple(dict.fromkeys(field for fields in runner.expander.words(command.words) for field in fields))
        if len(values) > MOST_VALUES:
            raise TooComplex("too many words to loop over")
    if command.name and values:
        runner.state.variables[command.name] = values
    return runner.run(command.body)


def case(runner: Runner, command: Case) -> Values:
    runner.expander.text(command.subject)
    outputs, before, after = [NOTHING], dict(runner.state.variables), list[dict[str, Values]]()
    for words, body in zip(command.patterns, command.bodies, strict=True):
        runner.expander.words(words)
        outputs.append(runner.run(body))
        after.append(runner.state.variables)
        runner.state.variables = dict(before)
    for variables in after:
        runner.state.join(variables)
    return merged(*outputs)


def added(outputs: list[Values]) -> Values:
    """One after the other, as one text."""
    found: Values = NOTHING
    for values in outputs:
        found = joined(found, values)
    return found
