"""What a condition that held says about variables: `[ -n "$x" ]` leaves no empty value."""

from collections.abc import Sequence as Several

from runner.policy import marks
from runner.policy.following.state import State
from runner.policy.grammar.syntax import Command, Parameter, Sequence, Simple, Test, Word

FULL = frozenset({"-n", "-d", "-e", "-f", "-s", "-r", "-w", "-x", "-L", "-h"})


def assume(conditions: "Several[Command]", state: State) -> None:
    """The last command of the condition returned true."""
    for condition in conditions:
        while isinstance(condition, Sequence) and condition.commands:
            condition = condition.commands[-1]
        words = words_of(condition)
        if (words and words[0].bare in FULL and len(words) == 2) or len(words) == 1:
            fill(words[-1], state)


def words_of(condition: Command) -> tuple[Word, ...]:
    """Of a test without its brackets; nothing of other commands."""
    if isinstance(condition, Test):
        return condition.words
    if not isinstance(condition, Simple) or not condition.words or condition.words[0].bare not in ("[", "test"):
        return ()
    return tuple(word for word in condition.words[1:] if word.bare != "]")


def fill(word: Word, state: State) -> None:
    for part in word.parts[:1]:
        if isinstance(part, Parameter) and not part.prefix and part.index is None:
            kept = tuple(value for value in state.value(part.name) if value)
            state.variables[part.name] = kept or (marks.UNKNOWN,)
