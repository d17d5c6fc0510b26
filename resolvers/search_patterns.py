"""What a search looks for within a line: a text, or a regular expression of RE2, whose time grows with the text alone.

A pattern is looked for in a prepared form of a text, which has the same line feeds.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Protocol

from resolvers.errors import Invalid
from resolvers.validation import check_encodable

try:
    import re2
except ImportError:  # there is no wheel for this platform
    re2 = None

LONGEST = 1000
MOST_MEMORY = 8 * 1024 * 1024
LARGEST_PROGRAM = 10_000
# They would look at the text around the line, or at a part of a character.
BEYOND_A_LINE = re.compile(r"(?<!\\)(?:\\\\)*(\\[AzC]|\(\?[a-zA-Z]*-[a-zA-Z]*m)")


class Syntax(StrEnum):
    LITERAL = "literal"
    RE2 = "re2"


class Pattern(Protocol):
    def prepare(self, text: str) -> Any:
        """Return the form of a text in which `find` looks."""

    def find(self, prepared: Any, start: int) -> tuple[int, int] | None:
        """Return where the first match from `start` on begins and ends in a prepared text."""

    def locate(self, text: str, prepared: Any, place: int) -> int:
        """Return the place in the text, in characters, of a place in its prepared form."""


class LiteralPattern:
    """The text itself, in any case if wished."""

    def __init__(self, text: str, *, ignore_case: bool) -> None:
        self._ignore_case = ignore_case
        self._text: str = self.prepare(text)

    def prepare(self, text: str) -> str:
        return text.lower().replace("ς", "σ") if self._ignore_case else text

    def find(self, prepared: str, start: int) -> tuple[int, int] | None:
        found = prepared.find(self._text, start)
        return None if found < 0 else (found, found + len(self._text))

    def locate(self, text: str, prepared: str, place: int) -> int:
        if len(prepared) == len(text):
            return place
        return bisect_left(range(len(text)), place, key=lambda size: len(self.prepare(text[:size])))


class Re2Pattern:
    """A regular expression; `^` and `$` are the beginning and the end of a line."""

    def __init__(self, text: str, *, ignore_case: bool) -> None:
        options = re2.Options()
        options.max_mem = MOST_MEMORY
        options.case_sensitive = not ignore_case
        options.never_nl = options.never_capture = True
        options.log_errors = False
        # Not by `re2.compile`, which would keep 128 patterns with up to MOST_MEMORY each.
        re2._Regexp(text.encode(), options)  # errors show the pattern as it was given
        self._compiled = re2._Regexp(f"(?m){text}".encode(), options)

    @property
    def size(self) -> int:
        return int(self._compiled.programsize)

    def prepare(self, text: str) -> bytes:
        return text.encode("utf-8", "replace")

    def find(self, prepared: bytes, start: int) -> tuple[int, int] | None:
        found = self._compiled.search(prepared, start)
        return None if found is None else found.span()

    def locate(self, text: str, prepared: bytes, place: int) -> int:
        return place if len(prepared) == len(text) else len(prepared[:place].decode("utf-8", "ignore"))


def compile_pattern(text: str, syntax: Syntax, *, ignore_case: bool) -> Pattern:
    """Return the pattern. Invalid says what is wrong with it."""
    check_encodable("pattern", text)
    if not 1 <= len(text) <= LONGEST:
        raise Invalid("pattern", f"must be 1 to {LONGEST} characters.", f"长度须为 1 到 {LONGEST} 个字符。")
    if "\n" in text:
        raise Invalid(
            "pattern", "must not hold a line feed: a match is within a line.", "不能包含换行符：匹配限于一行之内。"
        )
    if syntax is Syntax.LITERAL:
        return LiteralPattern(text, ignore_case=ignore_case)
    return _compile_re2(text, ignore_case=ignore_case)


def _compile_re2(text: str, *, ignore_case: bool) -> Pattern:
    if re2 is None:
        raise Invalid(
            "syntax",
            "RE2 is not installed here: `pip install google-re2`, or search with LITERAL.",
            "RE2 未安装：请执行 `pip install google-re2`，或使用 LITERAL 搜索。",
        )
    if (refused := BEYOND_A_LINE.search(text)) is not None:
        raise Invalid(
            "pattern",
            f"must not use {refused[1]} (character {refused.start(1) + 1}): ^ and $ are a line's beginning and end.",
            f"不能使用 {refused[1]}（第 {refused.start(1) + 1} 个字符）：^ 和 $ 表示行首和行尾。",
        )
    try:
        found = Re2Pattern(text, ignore_case=ignore_case)
    except re2.error as error:
        raise _build_error(text, error.args) from None
    if found.size > LARGEST_PROGRAM:
        raise Invalid("pattern", "is too large: repeat less.", "过于复杂：请减少重复次数。")
    return found


def compile_whole_pattern(text: str, path: Sequence[str]) -> Callable[[str], bool]:
    """Return what says whether a text matches the RE2 expression from its beginning to its end.

    Invalid, with the path of the field, says what is wrong with the expression.
    """
    check_encodable(path, text)
    if not 1 <= len(text) <= LONGEST:
        raise Invalid(path, f"must be 1 to {LONGEST} characters.", f"长度须为 1 到 {LONGEST} 个字符。")
    if re2 is None:
        raise Invalid(path, "needs RE2: `pip install google-re2`.", "需要 RE2：请执行 `pip install google-re2`。")
    options = re2.Options()
    options.max_mem = MOST_MEMORY
    options.never_capture = True
    options.log_errors = False
    try:
        found = re2._Regexp(text.encode(), options)
    except re2.error as error:
        raise _build_error(text, error.args, path) from None
    if found.programsize > LARGEST_PROGRAM:
        raise Invalid(path, "is too large: repeat less.", "过于复杂：请减少重复次数。")
    return lambda value: found.fullmatch(value.encode()) is not None


def _build_error(text: str, args: Sequence[Any], path: Sequence[str] = ("pattern",)) -> Invalid:
    """Return the error with RE2's words, and with the place that they quote."""
    said = args[0].decode("utf-8", "replace") if args and isinstance(args[0], bytes) else str(*args[:1])
    quoted = said.rpartition(": ")[2]
    place = text.find(quoted) + 1 if quoted else 0
    where, wo = (f" (character {place})", f"（第 {place} 个字符）") if place else ("", "")
    return Invalid(path, f"is not an RE2 expression{where}: {said}", f"不是有效的 RE2 表达式{wo}：{said}")
