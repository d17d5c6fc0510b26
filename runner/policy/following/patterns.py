"""Shell patterns: those of `${name%pattern}`, of paths and of cases."""

import re
from functools import lru_cache

from runner.policy import marks

WILDS = {marks.STAR: ".*", marks.QUERY: "."}
CLASS = re.compile(f"{marks.BRACKET}([!^]?)(\\]?[^\\]]*)\\]")


@lru_cache(maxsize=512)
def regex(pattern: str) -> re.Pattern[str]:
    """Of a pattern whose wildcards are marks; unknown text matches anything."""
    out, place = "", 0
    while place < len(pattern):
        char = pattern[place]
        found = CLASS.match(pattern, place) if char == marks.BRACKET else None
        if found is not None:
            out += f"[{'^' if found[1] else ''}{class_text(found[2])}]"
            place = found.end()
            continue
        out += ".*" if marks.TEXT.match(char) else WILDS.get(char, re.escape(marks.plain(char)))
        place += 1
    return re.compile(re.sub(r"(?:\.\*)+", ".*", out), re.DOTALL)


def class_text(text: str) -> str:
    named = {
        "[:alpha:]": "a-zA-Z",
        "[:lower:]": "a-z",
        "[:upper:]": "A-Z",
        "[:digit:]": "0-9",
        "[:alnum:]": "a-zA-Z0-9",
    }
    text = marks.plain(text)
    for name, members in named.items():
        text = text.replace(name, members)
    return re.sub(r"([\\\[\]&~|])", r"\\\1", text)


def matches(pattern: str, text: str) -> bool:
    try:
        return regex(pattern).fullmatch(text) is not None
    except re.error:
        return True


def trim(value: str, pattern: str, operator: str) -> str:
    """`#` and `%` cut off the shortest match, `##` and `%%` the longest."""
    if not marks.known(value) or not marks.known(pattern) or len(value) > 1024:
        return marks.UNKNOWN
    lengths = range(len(value) + 1)
    ordered = reversed(lengths) if len(operator) == 2 else iter(lengths)
    front = operator.startswith("#")
    for length in ordered:
        part = value[:length] if front else value[len(value) - length :]
        if matches(pattern, part):
            return value[length:] if front else value[: len(value) - length]
    return value


def replace(value: str, operand: str, operator: str) -> str:
    """`/pattern/text`, `//pattern/text`."""
    pattern, _, text = operand.partition("/")
    if not marks.known(value) or not marks.known(operand) or not pattern:
        return marks.UNKNOWN
    if marks.WILD.search(pattern) is None and operator in ("/", "//"):
        return value.replace(pattern, text, -1 if operator == "//" else 1)
    try:
        return anchored(pattern, operator).sub(lambda _: text, value, count=0 if operator == "//" else 1)
    except re.error:
        return marks.UNKNOWN


def anchored(pattern: str, operator: str) -> re.Pattern[str]:
    body = regex(pattern).pattern
    return re.compile({"/#": rf"\A(?:{body})", "/%": rf"(?:{body})\Z"}.get(operator, body), re.DOTALL)
