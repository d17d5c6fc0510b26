"""Finds characters that look like shell syntax and are not; word processors and web pages produce them."""

import re
from collections.abc import Iterator
from contextlib import suppress

from runner.policy.grammar.parser import parse
from runner.policy.grammar.source import Budget, SyntaxFault, TooComplex
from runner.policy.hit import Hit

RULE = "syntax.look-alike"
BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
QUOTES = "\u2018-\u201f\u2032\u2033\uff02\uff07"
DASHES = "\u2010-\u2015\u2212\uff0d"
OPERATORS = "\uff04\uff06\uff1b\uff1c\uff1e\uff5c"
LIKE = re.compile(f"[{BLANKS}{QUOTES}{DASHES}{OPERATORS}]+")
MOST = 10


def find_look_alikes(command: str) -> Iterator[Hit]:
    """Yield a hit for each of the first `MOST` look-alikes outside quotes, comments and here-documents."""
    if LIKE.search(command) is None:
        return
    for start in _find_unquoted(command)[:MOST]:
        match = LIKE.match(command, start)
        if match is not None:
            yield Hit(RULE, match.span(), ())


def _find_unquoted(command: str) -> list[int]:
    """Return the offsets of look-alikes in unquoted text, up to where the command stops parsing."""
    texts: dict[int, str] = {}
    with suppress(SyntaxFault, TooComplex, RecursionError):
        parse(command, Budget(unquoted=texts))
    return sorted({at + match.start() for at, text in texts.items() for match in LIKE.finditer(text)})
