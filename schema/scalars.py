"""The API's own scalars: RFC 3339 times in UTC, and 64-bit integers."""

import re
from datetime import UTC, datetime
from typing import Any, NewType

from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition, scalar

from db.columns import format_time

Long = NewType("Long", int)
LONGEST = 2**63
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


def _parse_time(value: Any) -> datetime:
    if not isinstance(value, str) or not RFC3339.match(value):
        raise GraphQLError("must be RFC 3339 with its zone, such as 2026-11-24T10:00:00Z.")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise GraphQLError("is not a moment that exists.") from None


def _parse_long(value: Any) -> int:
    if type(value) is not int or not -LONGEST <= value < LONGEST:
        raise GraphQLError("must be an integer of at most 64 bits.")
    return value


def _serialize_long(value: Any) -> Any:
    return value


SCALARS: dict[object, ScalarDefinition] = {
    datetime: scalar(
        name="DateTime",
        description="A moment in RFC 3339, such as `2026-11-24T10:00:00Z`. Answers are in UTC; input may be in any "
        "time zone, but must name one.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=format_time,
        parse_value=_parse_time,
    ),
    Long: scalar(
        name="Long",
        description="A 64-bit integer as a JSON number, for sizes in bytes that may not fit into Int. As JSON numbers "
        "are in JavaScript, it is exact up to 2^53.",
        specified_by_url="https://scalars.graphql.org/chillicream/long.html",
        serialize=_serialize_long,
        parse_value=_parse_long,
    ),
}
