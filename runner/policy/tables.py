"""Tables of names, each written as one text so that a line holds many."""

from typing import TypeVar

Kind = TypeVar("Kind")


def split_names(text: str) -> frozenset[str]:
    """Return the names in the text, which blanks separate."""
    return frozenset(text.split())


def map_names(names: str, value: Kind) -> dict[str, Kind]:
    """Return a dict that maps every name in the text to the same value."""
    return dict.fromkeys(names.split(), value)
