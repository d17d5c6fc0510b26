"""Ids: strings in GraphQL, positive 64-bit integers in REST and in the database."""

from collections.abc import Sequence

from strawberry import ID

from resolvers.errors import Invalid
from resolvers.validation import MAX_ID

MOST_DIGITS = 19


def parse_id(field: str | Sequence[str], id: ID) -> int:
    """Return the id as an integer; raise Invalid, which names the field, if it is none."""
    text = str(id)
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS or not 1 <= int(text) <= MAX_ID:
        raise Invalid(field, "is not an id: take it from an object's id.", "不是有效的 ID：请使用对象的 id。")
    return int(text)


def parse_optional_id(field: str | Sequence[str], id: ID | None) -> int | None:
    return None if id is None else parse_id(field, id)
