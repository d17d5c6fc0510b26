"""Finds patterns in extra rules that may match slowly: a choice inside a repeat, or many repeats in a row."""

import re
from collections.abc import Mapping
from typing import Any

from runner.policy.rules.when import RuleFault

PATTERNS = ("script", "match", "first", "second", "operand", "words", "text", "stdin")
LONGEST = 1_000
MOST = 4
MANY = 16
"""A repeat of at least this many counts as unbounded."""
PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[:=!]|[(|)]|[*+?]|\{\d*,?\d*\}|.", re.DOTALL)


def check_not_slow(table: Mapping[str, Any]) -> None:
    """Raise RuleFault for a pattern that is too long, or that is slow on some text."""
    for condition in table["when"]:
        for name in PATTERNS:
            text = condition.get(name)
            if isinstance(text, str) and (len(text) > LONGEST or _is_slow(text)):
                raise RuleFault(
                    f"the pattern {text[:60]!r} of {name!r} must have at most {LONGEST} characters, at most {MOST} of"
                    " * + and {n,}, and none of them after a group with a choice in it (| * + ? {…})"
                )


def _is_slow(text: str) -> bool:
    """True if an unbounded repeat follows a group that can match in several ways, or if there are many of them."""
    choices, closed, repeats = [False], False, 0
    for piece in PIECE.findall(text):
        if _is_endless(piece):
            repeats += 1
            if closed or repeats > MOST:
                return True
        if piece.startswith("("):
            choices.append(False)
        elif piece == ")" and len(choices) > 1:
            closed = choices.pop()
            choices[-1] |= closed
            continue
        elif piece in ("*", "+", "?", "|") or re.fullmatch(r"\{\d*,?\d*\}", piece):
            choices[-1] = True
        closed = False
    return False


def _is_endless(piece: str) -> bool:
    if piece in ("*", "+"):
        return True
    counts = re.fullmatch(r"\{(\d*)(,?)(\d*)\}", piece)
    return counts is not None and (int(counts[3] or counts[1] or 0) >= MANY or bool(counts[2] and not counts[3]))
