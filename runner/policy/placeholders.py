"""Characters that stand for what is not known when a command is only read.

They are private-use characters of plane 15, so that an expanded value stays a plain string. A command that contains
one itself is refused (`syntax.control-character`).
"""

import re

UNKNOWN = "\U000f0001"
"""Text that cannot be known: a variable of the target, a line that was read."""
OUTPUT = "\U000f0002"
"""What a command prints."""
REMOTE = "\U000f0003"
"""What came over the network."""
SOCKET = "\U000f000b"
"""What the other end of a connection sends."""
DECODED = "\U000f0004"
"""What a decoder made of text that is not known, or a change that is not followed here made of text that is."""
UNREAD = "\U000f000c"
"""Standard input that is no text, or too long to be followed."""
HOME = "\U000f0005"
"""The home directory of the user that runs the command."""
USER = "\U000f000a"
"""The name of the user that runs the command."""
STAR = "\U000f0006"
QUERY = "\U000f0007"
BRACKET = "\U000f0008"
FOUND = "\U000f0009"
"""A path that `find` or a list on standard input names."""

GLOBS = {"*": STAR, "?": QUERY, "[": BRACKET}
PLAIN = {ord(mark): char for char, mark in GLOBS.items()}
ACTIVE = {ord(char): mark for char, mark in GLOBS.items()}

TEXT = re.compile(f"[{UNKNOWN}{OUTPUT}{REMOTE}{SOCKET}{DECODED}{UNREAD}{FOUND}]")
"""Any mark that may stand for text of any length."""
WILD = re.compile(f"[{STAR}{QUERY}{BRACKET}]")
RESERVED = re.compile("[\U000f0000-\U000ffffd]")
UNKNOWNS = frozenset({UNKNOWN, OUTPUT, REMOTE, SOCKET, DECODED, UNREAD, FOUND})


def replace_reserved(text: str) -> str:
    """A text from outside, without characters that would be taken for marks."""
    return RESERVED.sub("\ufffd", text)


def restore_wildcards(value: str) -> str:
    """The value with its wildcards as the characters they were written as."""
    return value.translate(PLAIN) if STAR in value or QUERY in value or BRACKET in value else value


def _format_value(value: str) -> str:
    """The value for a person to read."""
    return TEXT.sub("…", restore_wildcards(value)).replace(HOME, "~").replace(USER, "$USER")


def is_known(value: str) -> bool:
    return TEXT.search(value) is None
