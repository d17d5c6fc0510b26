"""Path patterns of the rules (`*`, `?`, `[a-z]`, `{a,b}`, `**`), and whether two may name the same path."""

import re
from functools import lru_cache

from runner.policy import placeholders

BRACE = re.compile(r"\{([^{}]*)\}")
PIECE = re.compile(r"/\*\*|\*\*/?|\*|\?|\[[^\]]+\]|[^*?\[/]+|/|\[")
COMPONENT = re.compile(r"\[[^\]]+\]|.", re.DOTALL)
WILD = re.compile(r"[*?]")
LONGEST = 64
MOST_WILD = 6
"""The most wildcards in one path component; one with more is taken to match any."""


def split_braces(pattern: str) -> list[str]:
    """Return the patterns that the braces expand to."""
    found = BRACE.search(pattern)
    if found is None:
        return [pattern]
    return [
        whole
        for choice in found[1].split(",")
        for whole in split_braces(pattern[: found.start()] + choice + pattern[found.end() :])
    ]


def build_regex(pattern: str) -> str:
    """Translate a pattern: `/a/**` matches everything below `/a`, `**/a` every path that ends in `/a`."""
    out = ""
    for piece in PIECE.findall(pattern):
        if piece.startswith(("/**", "**")):
            out += "/.+" if piece == "/**" else "(?:.*/)?"
        elif piece in ("*", "?"):
            out += "[^/]*" if piece == "*" else "[^/]"
        else:
            out += piece if piece.startswith("[") and len(piece) > 1 else re.escape(piece)
    return out


def split_path(path: str) -> tuple[str, ...]:
    """Split a path with wildcards into component patterns; a character class becomes `?`."""
    path = placeholders.restore_wildcards(re.sub(f"{placeholders.BRACKET}[^/]?[^\\]/]*\\]", "?", path))
    return tuple("*" if len(WILD.findall(name)) > MOST_WILD else name for name in path.split("/"))


def may_overlap(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """True if a path with wildcards may name a path that the pattern names. Both are split at slashes."""
    if theirs[-1] == "**":
        theirs = theirs[:-1]
        return len(ours) > len(theirs) and all(map(_may_share_name, ours, theirs))
    return len(ours) == len(theirs) and all(map(_may_share_name, ours, theirs))


@lru_cache(maxsize=4096)
def _may_share_name(ours: str, theirs: str) -> bool:
    """True if some name matches both patterns."""
    if len(ours) > LONGEST or len(theirs) > LONGEST:
        return True
    left, right = tuple(COMPONENT.findall(ours)), tuple(COMPONENT.findall(theirs))
    return _may_share_text(left, right)


@lru_cache(maxsize=8192)
def _may_share_text(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    if not left or not right:
        return all(piece == "*" for piece in left + right)
    if left[0] == "*":
        return _may_share_text(left[1:], right) or _may_share_text(left, right[1:])
    if right[0] == "*":
        return _may_share_text(left, right[1:]) or _may_share_text(left[1:], right)
    return _may_share_character(left[0], right[0]) and _may_share_text(left[1:], right[1:])


def _may_share_character(one: str, other: str) -> bool:
    if one == "?" or other == "?":
        return True
    if len(one) == 1 and len(other) == 1:
        return one == other
    if len(one) > 1 and len(other) > 1:
        return True
    kind, char = (one, other) if len(one) > 1 else (other, one)
    try:
        return re.fullmatch(kind.replace("[!", "[^"), char) is not None
    except re.error:
        return True
