"""A rule that was broken, and its place in the outermost text."""

from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that was broken, where in the outermost text, and how that place was reached."""

    rule: str
    span: Span
    via: tuple[str, ...]


def find_offset(text: str, whole: str, span: Span) -> int:
    """Where a nested text stands word for word: within the command at hand, or after it in a here-document; else -1."""
    found = whole.find(text, *span)
    return whole.find(text, span[1]) if found < 0 and text.endswith("\n") else found
