"""Patterns of paths in the rules (`*`, `?`, `[a-z]`, `{a,b}`, `**`), and whether two may name the same path."""

import re
from functools import lru_cache

from runner.policy import marks

BRACE = re.compile(r"\{([^{}]*)\}")
PIECE = re.compile(r"/\*\*|\*\*/?|\*|\?|\[[^\]]+\]|[^*?\[/]+|/|\[")
COMPONENT = re.compile(r"\[[^\]]+\]|.", re.DOTALL)
WILD = re.compile(r"[*?]")
LONGEST = 64
MOST_WILD = 6
"""Of one name; with more it is taken to match any."""


def spread(pattern: str) -> list[str]:
    """The patterns without braces."""
    found = BRACE.search(pattern)
    if found is None:
        return [pattern]
    return [
        whole
        for choice in found[1].split(",")
        for whole in spread(pattern[: found.start()] + choice + pattern[found.end() :])
    ]


def regex(pattern: str) -> str:
    """`/a/**` is what is below `/a`; `**/a` is any path that ends so."""
    out = ""
    for piece in PIECE.findall(pattern):
        if piece.startswith(("/**", "**")):
            out += "/.+" if piece == "/**" else "(?:.*/)?"
        elif piece in ("*", "?"):
            out += "[^/]*" if piece == "*" else "[^/]"
        else:
            out += piece if piece.startswith("[") and len(piece) > 1 else re.escape(piece)
    return out


def of_path(path: str) -> tuple[str, ...]:
    """The names of a path with wildcards, as patterns; a class of characters becomes `?`."""
    path = marks.plain(re.sub(f"{marks.BRACKET}[^/]?[^\\]/]*\\]", "?", path))
    return tuple("*" if len(WILD.findall(name)) > MOST_WILD else name for name in path.split("/"))


def may_meet(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Whether a path with wildcards may name what the pattern names. Both are split at slashes."""
    if theirs[-1] == "**":
        theirs = theirs[:-1]
        return len(ours) > len(theirs) and all(map(meets, ours, theirs))
    return len(ours) == len(theirs) and all(map(meets, ours, theirs))


@lru_cache(maxsize=4096)
def meets(ours: str, theirs: str) -> bool:
    """Whether some name matches both patterns."""
    if len(ours) > LONGEST or len(theirs) > LONGEST:
        return True
    left, right = tuple(COMPONENT.findall(ours)), tuple(COMPONENT.findall(theirs))
    return common(left, right)


@lru_cache(maxsize=8192)
def common(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    if not left or not right:
        return all(piece == "*" for piece in left + right)
    if left[0] == "*":
        return common(left[1:], right) or common(left, right[1:])
    if right[0] == "*":
        return common(left, right[1:]) or common(left[1:], right)
    return same(left[0], right[0]) and common(left[1:], right[1:])


def same(one: str, other: str) -> bool:
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
