"""Search names regardless of case. Python folds the case, since a database's own lower() may handle ASCII only."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement


def _fold(text: str) -> str:
    """Return a form that is equal for texts that differ only in case."""
    return text.casefold()


def add_folded_name(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row's values, with `name_folded` added if there is a `name`."""
    return {**values, "name_folded": _fold(values["name"])} if "name" in values else dict(values)


def match_substring(folded: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Match a substring of a name in any case; `%` and `_` have no special meaning."""
    return folded.contains(_fold(text), autoescape=True)
