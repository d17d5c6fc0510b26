"""Tables of names, written as one text each so that a line holds many."""

from typing import TypeVar

Kind = TypeVar("Kind")


def split_names(text: str) -> frozenset[str]:
    """The names in the text, parted by blanks."""
    return frozenset(text.split())


def map_names(names: str, value: Kind) -> dict[str, Kind]:
    """Every name in the text with the same value."""
    return dict.fromkeys(names.split(), value)
