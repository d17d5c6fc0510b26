"""Matches shell patterns: of `${name%pattern}`, of paths and of cases. Matching steps, so no pattern is slow."""

from collections.abc import Callable, Iterable
from functools import lru_cache

from runner.policy import placeholders

Token = str | Callable[[str], bool]
"""A character, the placeholder STAR, or a test of one character."""

NAMED = {"alpha": str.isalpha, "lower": str.islower, "upper": str.isupper, "digit": str.isdigit, "alnum": str.isalnum}
LONGEST_PATTERN = 64
LONGEST_VALUE = 1024
LONGEST_SEARCHED = 256


@lru_cache(maxsize=512)
def _parse_tokens(pattern: str) -> tuple[Token, ...]:
    """Split a pattern, whose wildcards are placeholders, into tokens; unknown text matches anything."""
    found: list[Token] = []
    place = 0
    while place < len(pattern):
        char = pattern[place]
        end = pattern.find("]", place + 2) if char == placeholders.BRACKET else -1
        if end > 0:
            found.append(
                _build_bracket_test(
                    placeholders.restore_wildcards(pattern[place + 1 : _find_closing(pattern, place, end)])
                )
            )
            place = _find_closing(pattern, place, end) + 1
            continue
        found.append(_parse_token(char))
        place += 1
    return tuple(found)


def _parse_token(char: str) -> Token:
    if char == placeholders.QUERY:
        return _is_any_character
    if char == placeholders.STAR or placeholders.TEXT.match(char):
        return placeholders.STAR
    return placeholders.restore_wildcards(char)


def _find_closing(pattern: str, place: int, end: int) -> int:
    """Return the offset of the bracket that closes, past classes such as `[:alpha:]`."""
    while pattern[end - 1] == ":" and (after := pattern.find("]", end + 1)) > 0:
        end = after
    return end


def _is_any_character(char: str) -> bool:
    return True


def _build_bracket_test(text: str) -> Callable[[str], bool]:
    """Return the test of one character by `[text]`."""
    negated = text[:1] in ("!", "^")
    body = text[1:] if negated else text
    classes = [test for name, test in NAMED.items() if f"[:{name}:]" in body]
    ranges = [(body[at - 1], body[at + 1]) for at in range(1, len(body) - 1) if body[at] == "-"]

    def test(char: str) -> bool:
        inside = char in body or any(first <= char <= last for first, last in ranges)
        return (inside or any(known(char) for known in classes)) is not negated

    return test


def _find_ends(steps: Iterable[Token], text: str) -> set[int]:
    """Return every offset up to which the pattern matches the text from its beginning."""
    places = {0}
    for step in steps:
        if step == placeholders.STAR:
            places = set(range(min(places), len(text) + 1))
        elif isinstance(step, str):
            places = {place + 1 for place in places if text[place : place + 1] == step}
        else:
            places = {place + 1 for place in places if place < len(text) and step(text[place])}
        if not places:
            break
    return places


def matches(pattern: str, text: str) -> bool:
    """True if the pattern matches the whole text, or is too long to be tried."""
    return len(pattern) > LONGEST_VALUE or len(text) in _find_ends(_parse_tokens(pattern), text)


def trim(value: str, pattern: str, operator: str) -> str:
    """Cut off the shortest match (`#`, `%`) or the longest (`##`, `%%`)."""
    known = placeholders.is_known(value) and placeholders.is_known(pattern)
    if not known or len(value) > LONGEST_VALUE or len(pattern) > LONGEST_PATTERN:
        return placeholders.UNKNOWN
    front = operator.startswith("#")
    steps = _parse_tokens(pattern)
    found = _find_ends(steps, value) if front else _find_ends(reversed(steps), value[::-1])
    if not found:
        return value
    length = max(found) if len(operator) == 2 else min(found)
    return value[length:] if front else value[: len(value) - length]


def replace(value: str, operand: str, operator: str) -> str:
    """Expand `/pattern/text` and `//pattern/text`."""
    pattern, _, text = operand.partition("/")
    if not placeholders.is_known(value) or not placeholders.is_known(operand) or not pattern:
        return placeholders.UNKNOWN
    if placeholders.WILD.search(pattern) is None and operator in ("/", "//"):
        return value.replace(pattern, text, -1 if operator == "//" else 1)
    if len(value) > LONGEST_SEARCHED or len(pattern) > LONGEST_PATTERN:
        return placeholders.UNKNOWN
    return _replace_matches(value, _parse_tokens(pattern), text, operator)


def _replace_matches(value: str, steps: tuple[Token, ...], text: str, operator: str) -> str:
    """Replace the longest match at the first position that has one, or at every position for `//`."""
    out, place = "", 0
    while place <= len(value):
        found = max(_find_ends(steps, value[place:]), default=0)
        if operator == "/%" and place + found < len(value):
            found = 0
        if found:
            out, place = out + text, place + found
        if not found or operator != "//":
            if found or operator == "/#":
                break
            out, place = out + value[place : place + 1], place + 1
    return out + value[place:]
