"""A broken rule and its position in the outermost text."""

from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """A broken rule, its span in the outermost text, and the nesting that leads there (`via`, outermost first)."""

    rule: str
    span: Span
    via: tuple[str, ...]


def find_offset(text: str, whole: str, span: Span) -> int:
    """Return the offset of a nested text that stands word for word in `whole`, or -1.

    The text is looked for inside `span` (the command that holds it) and, for a here-document, after it.
    """
    found = whole.find(text, *span)
    return whole.find(text, span[1]) if found < 0 and text.endswith("\n") else found
