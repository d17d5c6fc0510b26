"""Parses words: quotes, escapes, and the expansions in them."""

import re
from collections.abc import Callable

from runner.policy.grammar import expansions
from runner.policy.grammar.ansi import parse_ansi_quoted
from runner.policy.grammar.source import Source
from runner.policy.grammar.syntax import Literal, Part, ProcessSubstitution, Word

META = frozenset(" \t\n|&;()<>")
PLAIN = re.compile(r"[^ \t\n|&;()<>\\'\"$`]+")
IN_DOUBLE = re.compile(r'[^\\"$`]+')
IN_HEREDOC = re.compile(r"[^\\$`]+")


def parse_word(source: Source, *, patterned: bool = False) -> Word | None:
    """Parse the word at this position, None if there is none. `patterned` allows `@(a|b)`, as inside `[[`."""
    start = source.at
    parts: list[Part] = []
    while source.pos < len(source.text):
        found = parse_piece(source)
        if found is None and patterned and source.peek() == "(" and source.text[source.pos - 1] in "?*+@!":
            found = _parse_pattern_group(source)
        if found is None:
            break
        parts.extend(found)
    return Word(tuple(parts), start, source.at) if source.at > start and parts else None


def parse_piece(source: Source) -> list[Part] | None:
    """Parse the next parts of a word; return None at its end."""
    source.budget.spend()
    char = source.peek()
    if char in META:
        return _parse_process_substitution(source) if char in "<>" else None
    if text := source.match(PLAIN):
        if source.budget.unquoted is not None:
            source.budget.unquoted[source.at - len(text)] = text
        return [Literal(text)]
    return PIECES[char](source)


def _parse_pattern_group(source: Source) -> list[Part]:
    """Parse the parentheses of an extended pattern and their contents."""
    parts: list[Part] = []
    depth = 0
    while source.pos < len(source.text):
        char = source.peek()
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char in META:
            parts.append(Literal(char, quoted=True))
            source.pos += 1
        else:
            parts.extend(parse_piece(source) or ())
        if depth == 0:
            return parts
    raise source.build_fault("a pattern is not closed")


def _parse_process_substitution(source: Source) -> list[Part] | None:
    direction = source.peek()
    if not source.take(direction + "("):
        return None
    return [ProcessSubstitution(expansions.parse_until_parenthesis(source), direction)]


def _parse_escape(source: Source) -> list[Part]:
    """Parse a backslash and the character it quotes; a continued line gives nothing."""
    source.pos += 1
    char = source.peek()
    source.pos += len(char)
    if char == "\n":
        return []
    return [Literal(char or "\\", quoted=True)]


def _parse_single_quotes(source: Source) -> list[Part]:
    source.pos += 1
    return [Literal(source.read_until("'", "a single quote"), quoted=True)]


def _parse_double_quotes(source: Source) -> list[Part]:
    source.pos += 1
    parts = _parse_quoted_parts(source, IN_DOUBLE, '$`"\\', '"')
    source.expect('"')
    return parts or [Literal("", quoted=True)]


def _parse_unquoted_dollar(source: Source) -> list[Part]:
    if source.take("$'"):
        return [Literal(parse_ansi_quoted(source), quoted=True)]
    if source.starts_with('$"'):
        source.pos += 1
        return _parse_double_quotes(source)
    return expansions.parse_dollar(source, quoted=False)


def _parse_unquoted_backtick(source: Source) -> list[Part]:
    return expansions.parse_backtick(source, quoted=False)


PIECES: dict[str, Callable[[Source], list[Part]]] = {
    "\\": _parse_escape,
    "'": _parse_single_quotes,
    '"': _parse_double_quotes,
    "$": _parse_unquoted_dollar,
    "`": _parse_unquoted_backtick,
}


def _parse_quoted_parts(source: Source, plain: re.Pattern[str], escapable: str, end: str) -> list[Part]:
    """Parse text in which only `$`, backticks and backslashes are special, up to `end` or the end of the text."""
    parts: list[Part] = []
    while source.pos < len(source.text) and not (end and source.starts_with(end)):
        source.budget.spend()
        if text := source.match(plain):
            parts.append(Literal(text, quoted=True))
        elif source.starts_with("\\"):
            parts.extend(_parse_quoted_backslash(source, escapable))
        elif source.starts_with("$"):
            parts.extend(expansions.parse_dollar(source, quoted=True))
        else:
            parts.extend(expansions.parse_backtick(source, quoted=True))
    return parts


def _parse_quoted_backslash(source: Source, escapable: str) -> list[Part]:
    following = source.text[source.pos + 1 : source.pos + 2]
    source.pos += 1 + len(following)
    if following == "\n":
        return []
    return [Literal(following if following and following in escapable else "\\" + following, quoted=True)]


def parse_heredoc(source: Source) -> tuple[Part, ...]:
    """Parse the body of a here-document whose delimiter is not quoted."""
    return tuple(_parse_quoted_parts(source, IN_HEREDOC, "$`\\", ""))


def parse_operand(source: Source, quoted: bool, closer: str) -> Word:
    """Parse the operand inside `${…}`, or an index in brackets, up to the closer, which is not read."""
    start, depth = source.at, 0
    parts: list[Part] = []
    while depth or not source.starts_with(closer):
        if source.pos >= len(source.text):
            raise source.build_fault(f"{closer!r} was expected")
        depth += (source.peek() == "[") - (source.peek() == "]") if closer == "]" else 0
        parts.extend(_parse_operand_piece(source, quoted, closer))
    return Word(tuple(parts), start, source.at)


OPERAND = {"}": re.compile(r"[^}\\'\"$`]+"), "]": re.compile(r"[^\[\]\\'\"$`]+|[\[\]]")}
OPERAND_QUOTED = {"}": re.compile(r'[^}\\"$`]+'), "]": re.compile(r'[^\[\]\\"$`]+|[\[\]]')}


def _parse_operand_piece(source: Source, quoted: bool, closer: str) -> list[Part]:
    source.budget.spend()
    if text := source.match((OPERAND_QUOTED if quoted else OPERAND)[closer]):
        return [Literal(text, quoted=quoted)]
    char = source.peek()
    if char == "$" and quoted:
        return expansions.parse_dollar(source, quoted=True)
    if char == "\\" and quoted:
        return _parse_quoted_backslash(source, '$`"\\}')
    return PIECES[char](source)
