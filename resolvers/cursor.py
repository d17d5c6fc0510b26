"""A cursor: an opaque place in an execution's output, good across restarts and however the bytes are chunked."""

from resolvers.errors import Invalid

START = 0
PREFIX = "o"
MOST_DIGITS = 19
MOST = 2**63 - 1


def encode(position: int) -> str:
    """`position` is the count of bytes of both streams before the place."""
    return f"{PREFIX}{position}"


def decode(cursor: str | None, field: str = "after") -> int:
    if cursor is None:
        return START
    digits = cursor[len(PREFIX) :]
    plain = cursor.startswith(PREFIX) and digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS
    if not plain or int(digits) > MOST:
        raise Invalid(
            field, "is not an output cursor: use one that an event carried.", "不是输出游标：请使用事件中给出的游标。"
        )
    return int(digits)
