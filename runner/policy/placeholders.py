"""Private-use characters that stand for values which reading a command cannot tell.

They are characters of plane 15, so that an expanded value stays a plain string. A command that contains one itself is
refused (`syntax.control-character`).
"""

import re

UNKNOWN = "\U000f0001"
"""Text that cannot be known: a variable of the target, a line that `read` reads."""
OUTPUT = "\U000f0002"
"""The output of a command."""
REMOTE = "\U000f0003"
"""Data downloaded over the network."""
SOCKET = "\U000f000b"
"""Data sent by the other end of a connection."""
DECODED = "\U000f0004"
"""The result of decoding unknown text, or of a change to known text that the policy does not simulate."""
UNREAD = "\U000f000c"
"""Standard input that is not text, or is too long to be interpreted."""
HOME = "\U000f0005"
"""The home directory of the user that runs the command on the target."""
USER = "\U000f000a"
"""The name of the user that runs the command on the target."""
STAR = "\U000f0006"
QUERY = "\U000f0007"
BRACKET = "\U000f0008"
FOUND = "\U000f0009"
"""A path named by `find` or by a list on standard input."""

GLOBS = {"*": STAR, "?": QUERY, "[": BRACKET}
PLAIN = {ord(placeholder): char for char, placeholder in GLOBS.items()}
ACTIVE = {ord(char): placeholder for char, placeholder in GLOBS.items()}

TEXT = re.compile(f"[{UNKNOWN}{OUTPUT}{REMOTE}{SOCKET}{DECODED}{UNREAD}{FOUND}]")
"""Matches every placeholder that may stand for text of any length."""
WILD = re.compile(f"[{STAR}{QUERY}{BRACKET}]")
RESERVED = re.compile("[\U000f0000-\U000ffffd]")
UNKNOWNS = frozenset({UNKNOWN, OUTPUT, REMOTE, SOCKET, DECODED, UNREAD, FOUND})


def replace_reserved(text: str) -> str:
    """Replace characters in outside text that would be read as placeholders by U+FFFD."""
    return RESERVED.sub("\ufffd", text)


def restore_wildcards(value: str) -> str:
    """Return the value with its wildcard placeholders turned back into `*`, `?` and `[`."""
    return value.translate(PLAIN) if STAR in value or QUERY in value or BRACKET in value else value


def is_known(value: str) -> bool:
    return TEXT.search(value) is None
