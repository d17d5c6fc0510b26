"""Applies the result of a condition to variables: after `[ -n "$x" ]`, x is not empty."""

from collections.abc import Sequence as Several

from runner.policy.grammar.syntax import Block, Chain, Command, Parameter, Pipeline, Sequence, Simple, Test, Word
from runner.policy.shell.state import UNKNOWN, State

FULL = frozenset({"-n", "-d", "-e", "-f", "-s", "-r", "-w", "-x", "-L", "-h"})
LEAVES = frozenset({"exit", "return", "break", "continue", "die", "fail", "abort", "usage"})


def assume_true(conditions: "Several[Command]", state: State) -> None:
    """Assume that the last command of the condition returned true."""
    for condition in conditions:
        while isinstance(condition, Sequence) and condition.commands:
            condition = condition.commands[-1]
        if isinstance(condition, Chain) and all(operator == "&&" for operator, _ in condition.rest):
            assume_true((condition.first, *(inner for _, inner in condition.rest)), state)
        words = _list_test_words(condition)
        if (words and words[0].bare in FULL and len(words) == 2) or len(words) == 1:
            _drop_empty_values(words[-1], state)


def assume_guard_passed(chain: Chain, state: State) -> None:
    """Assume that `[ -z "$x" ] && exit` or `[ -n "$x" ] || exit` did not exit: the variable is not empty."""
    operator, last = chain.rest[-1]
    if len(chain.rest) != 1 or not _is_exit(last):
        return
    words = _list_test_words(chain.first)
    if operator == "||":
        assume_true((chain.first,), state)
    elif len(words) == 2 and words[0].bare == "-z":
        _drop_empty_values(words[1], state)


def _is_exit(command: Command) -> bool:
    """True if the shell does not go on after the command."""
    while isinstance(command, Block | Sequence):
        if isinstance(command, Block):
            command = command.body
        elif command.commands:
            command = command.commands[-1]
        else:
            return False
    return isinstance(command, Simple) and bool(command.words) and command.words[0].bare in LEAVES


def _list_test_words(condition: Command) -> tuple[Word, ...]:
    """Return the words of a test without its brackets, () for other commands."""
    if isinstance(condition, Pipeline):
        return ()
    if isinstance(condition, Test):
        return condition.words
    if not isinstance(condition, Simple) or not condition.words or condition.words[0].bare not in ("[", "test"):
        return ()
    return tuple(word for word in condition.words[1:] if word.bare != "]")


def _drop_empty_values(word: Word, state: State) -> None:
    for part in word.parts[:1]:
        if isinstance(part, Parameter) and not part.prefix and part.index is None:
            non_empty = tuple(value for value in state.get_variable(part.name) if value)
            state.variables[part.name] = non_empty or UNKNOWN
