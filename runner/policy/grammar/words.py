"""Reads words: quotes, escapes, and what a shell expands in them."""

import re
from collections.abc import Callable

from runner.policy.grammar import expansions
from runner.policy.grammar.ansi import ansi
from runner.policy.grammar.source import Source
from runner.policy.grammar.syntax import Literal, Part, Process, Word

META = frozenset(" \t\n|&;()<>")
PLAIN = re.compile(r"[^ \t\n|&;()<>\\'\"$`]+")
IN_DOUBLE = re.compile(r'[^\\"$`]+')
IN_HEREDOC = re.compile(r"[^\\$`]+")


def word(source: Source, *, patterned: bool = False) -> Word | None:
    """The word at this place; None if there is none. Within `[[` it may be `patterned`: `@(a|b)`."""
    start = source.at
    parts: list[Part] = []
    while source.pos < len(source.text):
        found = piece(source)
        if found is None and patterned and source.peek() == "(" and source.text[source.pos - 1] in "?*+@!":
            found = group(source)
        if found is None:
            break
        parts.extend(found)
    return Word(tuple(parts), start, source.at) if source.at > start and parts else None


def piece(source: Source) -> list[Part] | None:
    """The next parts of a word; None at its end."""
    source.budget.spend()
    char = source.peek()
    if char in META:
        return process(source) if char in "<>" else None
    if text := source.match(PLAIN):
        if source.budget.unquoted is not None:
            source.budget.unquoted[source.at - len(text)] = text
        return [Literal(text)]
    return PIECES[char](source)


def group(source: Source) -> list[Part]:
    """The parentheses of an extended pattern, and what is in them."""
    parts: list[Part] = []
    depth = 0
    while source.pos < len(source.text):
        char = source.peek()
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char in META:
            parts.append(Literal(char, quoted=True))
            source.pos += 1
        else:
            parts.extend(piece(source) or ())
        if depth == 0:
            return parts
    raise source.fault("a pattern is not closed")


def process(source: Source) -> list[Part] | None:
    direction = source.peek()
    if not source.take(direction + "("):
        return None
    return [Process(expansions.until_parenthesis(source), direction)]


def escaped(source: Source) -> list[Part]:
    """A backslash and what it quotes; a line that goes on is nothing."""
    source.pos += 1
    char = source.peek()
    source.pos += len(char)
    if char == "\n":
        return []
    return [Literal(char or "\\", quoted=True)]


def single(source: Source) -> list[Part]:
    source.pos += 1
    return [Literal(source.until("'", "a single quote"), quoted=True)]


def double(source: Source) -> list[Part]:
    source.pos += 1
    parts = quoted_parts(source, IN_DOUBLE, '$`"\\', '"')
    source.expect('"')
    return parts or [Literal("", quoted=True)]


def dollar(source: Source) -> list[Part]:
    if source.take("$'"):
        return [Literal(ansi(source), quoted=True)]
    if source.starts('$"'):
        source.pos += 1
        return double(source)
    return expansions.dollar(source, quoted=False)


def backtick(source: Source) -> list[Part]:
    return expansions.backtick(source, quoted=False)


PIECES: dict[str, Callable[[Source], list[Part]]] = {
    "\\": escaped,
    "'": single,
    '"': double,
    "$": dollar,
    "`": backtick,
}


def quoted_parts(source: Source, plain: re.Pattern[str], escapable: str, end: str) -> list[Part]:
    """Parts in which only `$`, backticks and backslashes are special, up to `end` or the end of the text."""
    parts: list[Part] = []
    while source.pos < len(source.text) and not (end and source.starts(end)):
        source.budget.spend()
        if text := source.match(plain):
            parts.append(Literal(text, quoted=True))
        elif source.starts("\\"):
            parts.extend(backslash(source, escapable))
        elif source.starts("$"):
            parts.extend(expansions.dollar(source, quoted=True))
        else:
            parts.extend(expansions.backtick(source, quoted=True))
    return parts


def backslash(source: Source, escapable: str) -> list[Part]:
    following = source.text[source.pos + 1 : source.pos + 2]
    source.pos += 1 + len(following)
    if following == "\n":
        return []
    return [Literal(following if following and following in escapable else "\\" + following, quoted=True)]


def heredoc(source: Source) -> tuple[Part, ...]:
    """The body of a here-document whose delimiter was not quoted."""
    return tuple(quoted_parts(source, IN_HEREDOC, "$`\\", ""))


def operand(source: Source, quoted: bool, closer: str = "}") -> Word:
    """What stands after the operator within `${…}`, or in the brackets of an index, up to the closer (not read)."""
    start, depth = source.at, 0
    parts: list[Part] = []
    while depth or not source.starts(closer):
        if source.pos >= len(source.text):
            raise source.fault(f"{closer!r} was expected")
        depth += (source.peek() == "[") - (source.peek() == "]") if closer == "]" else 0
        parts.extend(operand_piece(source, quoted, closer))
    return Word(tuple(parts), start, source.at)


OPERAND = {"}": re.compile(r"[^}\\'\"$`]+"), "]": re.compile(r"[^\[\]\\'\"$`]+|[\[\]]")}
OPERAND_QUOTED = {"}": re.compile(r'[^}\\"$`]+'), "]": re.compile(r'[^\[\]\\"$`]+|[\[\]]')}


def operand_piece(source: Source, quoted: bool, closer: str) -> list[Part]:
    source.budget.spend()
    if text := source.match((OPERAND_QUOTED if quoted else OPERAND)[closer]):
        return [Literal(text, quoted=quoted)]
    char = source.peek()
    if char == "$" and quoted:
        return expansions.dollar(source, quoted=True)
    if char == "\\" and quoted:
        return backslash(source, '$`"\\}')
    return PIECES[char](source)
