"""Output cursors: opaque positions in an execution's output, valid across restarts and independent of chunks.

`o5` is the position after 5 bytes of both streams. If an output ends inside a character, `o5-1` also says that one
U+FFFD for the missing bytes was sent, `o5-0` that none was. `o5-end` is the position after the last event.
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
    """Return a cursor: `position` counts the bytes of both streams before it, `rests` the U+FFFD sent at the end."""
    return f"{PREFIX}{position}" if rests is None else f"{PREFIX}{position}-{rests}"


def encode_end(cursor: str) -> str:
    """Return the cursor after the last event of an output that ends at `cursor`."""
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
    """Return how many U+FFFD for cut-off characters were sent before the cursor; None if it does not say."""
    suffix = (cursor or "").partition("-")[2]
    if not suffix:
        return None
    return EVERY_REST if suffix == END else int(suffix)


def is_end(cursor: str | None) -> bool:
    return cursor is not None and cursor.endswith(f"-{END}")
