"""The form in which names are searched: folded by us, since a database's own lower() may know ASCII only."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement


def _fold(text: str) -> str:
    """Equal for texts that differ in case only."""
    return text.casefold()


def add_folded_name(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row, with the folded name beside a name."""
    return {**values, "name_folded": _fold(values["name"])} if "name" in values else dict(values)


def match_substring(folded: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """A substring of a name in any case; `%` and `_` stand for themselves."""
    return folded.contains(_fold(text), autoescape=True)
