"""Skips the blanks, line ends and comments between words and commands."""

import re

from runner.policy.grammar import heredocs
from runner.policy.grammar.source import Source

BLANK = re.compile(r"(?:[ \t]|\\\n)+")
COMMENT = re.compile(r"#[^\n]*")


def skip_blank(source: Source) -> None:
    """Skip blanks, continued lines, and a comment."""
    source.match(BLANK)
    if source.peek() == "#":
        source.match(COMMENT)


def skip_lines(source: Source) -> None:
    """Skip blanks, comments and line ends, and read the here-documents whose bodies begin there."""
    skip_blank(source)
    while source.take("\n"):
        heredocs.read_bodies(source)
        skip_blank(source)
