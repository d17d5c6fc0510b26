"""A cursor: an opaque place in an execution's output, good across restarts and however the bytes are chunked.

`o5` is the place after 5 bytes of both streams. At the end of an output that stops inside a character, `o5-1` says that
one U+FFFD for the missing rest was told as well, `o5-0` that none was. `o5-end` is after the last event.
"""

import re

from resolvers.errors import Invalid

START = 0
PREFIX = "o"
MOST = 2**63 - 1
CURSOR = re.compile(r"o(\d{1,19})(?:-([012]|end))?", re.ASCII)
END = "end"
EVERY_REST = 2


def encode(position: int, rests: int | None = None) -> str:
    """`position` counts the bytes of both streams before the place, `rests` the U+FFFD that were told at the end."""
    return f"{PREFIX}{position}" if rests is None else f"{PREFIX}{position}-{rests}"


def encode_end(cursor: str) -> str:
    """The place after the last event of an output that ends at `cursor`."""
    return f"{PREFIX}{decode(cursor)}-{END}"


def decode(cursor: str | None, field: str = "after") -> int:
    if cursor is None:
        return START
    found = CURSOR.fullmatch(cursor)
    if found is None or int(found[1]) > MOST:
        raise Invalid(
            field, "is not an output cursor: use one that an event carried.", "不是输出游标：请使用事件中给出的游标。"
        )
    return int(found[1])


def count_rests_told(cursor: str | None) -> int | None:
    """How many U+FFFD for characters without their rest were told at this place; None where it does not say."""
    suffix = (cursor or "").partition("-")[2]
    if not suffix:
        return None
    return EVERY_REST if suffix == END else int(suffix)


def is_end(cursor: str | None) -> bool:
    return cursor is not None and cursor.endswith(f"-{END}")
