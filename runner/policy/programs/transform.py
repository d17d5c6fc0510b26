"""Applies a change to each known text on standard input."""

from collections.abc import Callable

from runner.policy import placeholders
from runner.policy.shell.protocol import SimulatedShell, choose_placeholder
from runner.policy.shell.state import Values, limit_length, merge_values


def transform_stdin(shell: SimulatedShell, change: Callable[[str], str | None], unknown: str = "") -> Values:
    """Return each known text changed, and a placeholder for each other."""
    return merge_values(*((result,) for text in shell.stdin for result in (_transform_text(text, change, unknown),)))


def _transform_text(text: str, change: Callable[[str], str | None], unknown: str) -> str:
    result = change(text) if placeholders.is_known(text) else None
    return limit_length(result) if result is not None else unknown or choose_placeholder((text,))
