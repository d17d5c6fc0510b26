"""Carries out a change of each text that is known."""

from collections.abc import Callable

from runner.policy import marks
from runner.policy.following.shell import Shell, mark_of
from runner.policy.following.state import Values, bounded, merged


def changed(shell: Shell, change: Callable[[str], str | None], unknown: str = "") -> Values:
    """Each known text changed; the mark of the others."""
    return merged(*((result,) for text in shell.stdin for result in (one(text, change, unknown),)))


def one(text: str, change: Callable[[str], str | None], unknown: str) -> str:
    result = change(text) if marks.known(text) else None
    return bounded(result) if result is not None else unknown or mark_of((text,))
