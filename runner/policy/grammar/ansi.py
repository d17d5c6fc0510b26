"""Parses the text inside `$'…'`."""

import re
from collections.abc import Callable

from runner.policy import placeholders
from runner.policy.grammar.source import Source

SIMPLE = {"a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
ESCAPE = re.compile(
    r"\\(?:x\{?(?P<hex>[0-9A-Fa-f]{1,2})\}?|(?P<octal>[0-7]{1,3})|u(?P<short>[0-9A-Fa-f]{1,4})"
    r"|U(?P<long>[0-9A-Fa-f]{1,8})|c(?P<control>.)|(?P<plain>.))",
    re.DOTALL,
)
BODY = re.compile(r"(?:[^\\']|\\.)*", re.DOTALL)
READERS: dict[str, Callable[[str], str]] = {
    "hex": lambda text: chr(int(text, 16)),
    "octal": lambda text: chr(int(text, 8) & 0xFF),
    "short": lambda text: chr(int(text, 16)),
    "long": lambda text: chr(min(int(text, 16), 0x10FFFF)),
    "control": lambda text: chr(ord(text) & 0x1F),
    "plain": lambda text: SIMPLE.get(text, text if text in "\\'\"?" else "\\" + text),
}


def parse_ansi_quoted(source: Source) -> str:
    """Read up to and including the closing quote, and return the text with its escapes resolved."""
    body = source.match(BODY)
    source.expect("'")
    return unescape(body)


def unescape(body: str) -> str:
    """Resolve the escapes as bash does. A NUL ends the text, as in bash."""
    return placeholders.replace_reserved(ESCAPE.sub(_replace_escape, body).split("\0", 1)[0])


def _replace_escape(found: re.Match[str]) -> str:
    kind = found.lastgroup or "plain"
    return READERS[kind](found.group(kind))
