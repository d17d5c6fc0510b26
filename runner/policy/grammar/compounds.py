"""Parses compound commands: groups, branches, loops, cases and tests."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from runner.policy.grammar import expansions, words
from runner.policy.grammar.blanks import skip_blank, skip_lines
from runner.policy.grammar.source import Source, SyntaxFault
from runner.policy.grammar.syntax import (
    Block,
    Branch,
    Case,
    Command,
    ForLoop,
    Literal,
    Part,
    Redirect,
    Sequence,
    Simple,
    Test,
    WhileLoop,
    Word,
)

IDENTIFIER = re.compile(r"[^ \t\n|&;()<>\\'\"$`]+")
CLOSING = re.compile(r"[a-z}]+(?=[ \t\n;&|()<>]|\Z)")
IN = re.compile(r"in(?=[ \t\n;]|\Z)")
SEMICOLON = re.compile(r"[ \t]*;(?!;)")
CASE_END = re.compile(r";;&|;;|;&")
TEST_END = re.compile(r"\]\](?=[ \t\n;&|()<>]|\Z)")
TEST_OPERATOR = re.compile(r"&&|\|\||[()<>!]")
REGEX = re.compile(r"=~(?=[ \t\n])")
REGEX_PLAIN = re.compile(r"(?:[^ \t\n\\'\"$`\[]|\[\^?\]?(?:\[:[a-z]{1,9}:\]|[^\]\\'\"$`\n]){0,32}\])+|\[")


def _parse_group(source: Source, start: int) -> Command | None:
    return Block("group", _parse_until_closer(source, "}"))


def _parse_subshell(source: Source, start: int) -> Command | None:
    body = _parse_body(source)
    source.expect(")")
    return Block("subshell", body)


def _parse_arithmetic_command(source: Source, start: int) -> Command | None:
    """Parse `((`: arithmetic, or a subshell inside a subshell."""
    at, pending = source.at, list(source.pending)
    found = expansions.parse_arithmetic(source)
    end, source.pos = source.pos, start + 1
    if found is None:
        source.pending = pending
        return _parse_subshell(source, start)
    otherwise = _parse_nested_subshells(source, start, end)
    source.pos, source.pending = end, pending
    return Test((Word(found, at, source.at),), otherwise)


def _parse_nested_subshells(source: Source, start: int, end: int) -> Sequence | None:
    """Parse the same text as nested subshells, as shells without `((` read it; return None if it is not that."""
    try:
        with source.budget.restore_depth():
            found = _parse_subshell(source, start)
    except SyntaxFault:
        return None
    return Sequence((found,)) if found is not None and source.pos == end else None


def _parse_until_closer(source: Source, *closers: str) -> Sequence:
    """Parse commands up to one of the closing words, and read that word."""
    body = _parse_body(source)
    word = source.match(CLOSING)
    if word not in closers:
        raise source.build_fault(f"{closers[0]!r} was expected")
    return body


def _parse_body(source: Source) -> Sequence:
    body = source.program(source)
    if not body.commands:
        raise source.build_fault("a command was expected")
    return body


def _get_last_word(source: Source) -> str:
    """Return the closing word that was just read."""
    return re.split(r"[^a-z}]", source.text[max(0, source.pos - 8) : source.pos])[-1]


def _parse_if(source: Source, start: int) -> Command | None:
    conditions, bodies = [_parse_until_closer(source, "then")], [_parse_until_closer(source, "fi", "elif", "else")]
    while _get_last_word(source) == "elif":
        conditions.append(_parse_until_closer(source, "then"))
        bodies.append(_parse_until_closer(source, "fi", "elif", "else"))
    if _get_last_word(source) == "else":
        bodies.append(_parse_until_closer(source, "fi"))
    return Branch(tuple(conditions), tuple(bodies))


def _parse_while(source: Source, start: int) -> Command | None:
    return WhileLoop(_parse_until_closer(source, "do"), _parse_until_closer(source, "done"))


def _parse_for(source: Source, start: int) -> Command | None:
    """Parse `for` and `select`."""
    skip_blank(source)
    if source.take("(("):
        return _parse_arithmetic_for(source)
    name = source.match(IDENTIFIER)
    if not name:
        raise source.build_fault("a name was expected")
    skip_lines(source)
    items: tuple[Word, ...] | None = None
    if source.match(IN):
        items = _parse_items(source)
    source.match(SEMICOLON)
    return ForLoop(name, items, _parse_loop_body(source))


def _parse_arithmetic_for(source: Source) -> Command:
    at, found = source.at, expansions.parse_arithmetic(source)
    if found is None:
        raise source.build_fault("arithmetic is not closed")
    source.match(SEMICOLON)
    return ForLoop("", (Word(found, at, source.at),), _parse_loop_body(source))


def _parse_items(source: Source) -> tuple[Word, ...]:
    found: list[Word] = []
    skip_blank(source)
    while (word := words.parse_word(source)) is not None:
        found.append(word)
        skip_blank(source)
    return tuple(found)


def _parse_loop_body(source: Source) -> Sequence:
    skip_lines(source)
    opening = source.match(CLOSING)
    if opening not in ("do", "{") and not source.take("{"):
        raise source.build_fault("'do' was expected")
    return _parse_until_closer(source, "done" if opening == "do" else "}")


def _parse_case(source: Source, start: int) -> Command | None:
    skip_blank(source)
    subject = words.parse_word(source)
    if subject is None:
        raise source.build_fault("a word was expected")
    skip_lines(source)
    if not source.match(IN):
        raise source.build_fault("'in' was expected")
    patterns: list[tuple[Word, ...]] = []
    bodies: list[Sequence] = []
    skip_lines(source)
    while not ESAC.match(source.text, source.pos):
        patterns.append(_parse_case_patterns(source))
        bodies.append(source.program(source))
        if not source.match(CASE_END):
            break
        skip_lines(source)
    if not source.match(ESAC):
        raise source.build_fault("'esac' was expected")
    return Case(subject, tuple(patterns), tuple(bodies))


ESAC = re.compile(r"esac(?=[ \t\n;&|()<>]|\Z)")


def _parse_case_patterns(source: Source) -> tuple[Word, ...]:
    source.take("(")
    found: list[Word] = []
    skip_blank(source)
    while (word := words.parse_word(source)) is not None:
        found.append(word)
        skip_blank(source)
        if not source.take("|"):
            break
        skip_blank(source)
    if not found:
        raise source.build_fault("a pattern was expected")
    source.expect(")")
    return tuple(found)


def _parse_test(source: Source, start: int) -> Command | None:
    """Parse `[[ … ]]`."""
    found: list[Word] = []
    others: list[PlainReading] = []
    skip_lines(source)
    while not source.match(TEST_END):
        source.budget.spend()
        if source.match(REGEX):
            found.append(_parse_regex(source))
        elif (word := words.parse_word(source, patterned=True)) is not None:
            found.append(word)
            if others:
                others[-1].words.append(word)
        elif operator := source.match(TEST_OPERATOR):
            if operator not in "!()" or not others or others[-1].words:
                others.append(PlainReading(operator))
        else:
            raise source.build_fault("a test is not closed")
        skip_lines(source)
    return Test(tuple(found), Sequence(tuple(other.build_command() for other in others if other.words)))


@dataclass(slots=True)
class PlainReading:
    """The reading of an operator inside `[[ … ]]` by a shell without `[[`: a further command, or a redirect."""

    operator: str
    words: list[Word] = field(default_factory=list)

    def build_command(self) -> Command:
        start, end = self.words[0].start, self.words[-1].end
        if self.operator in "<>":
            return Simple((), (), (Redirect(self.operator, "", self.words[0]),), start, end)
        plain = self.operator in ("&&", "||") and self.words[0].bare is not None
        return Simple((), tuple(self.words) if plain else (), (), start, end)


def _parse_regex(source: Source) -> Word:
    """Parse the right side of `=~`, in which parentheses, bars and angle brackets are not operators."""
    skip_blank(source)
    start = source.at
    parts: list[Part] = []
    while source.pos < len(source.text) and not source.peek().isspace():
        source.budget.spend()
        if text := source.match(REGEX_PLAIN):
            parts.append(Literal(text, quoted=True))
        elif (found := words.parse_piece(source)) is not None:
            parts.extend(found)
        else:
            break
    return Word(tuple(parts), start, source.at)


READERS: dict[str, Callable[[Source, int], Command | None]] = {
    "{": _parse_group,
    "(": _parse_subshell,
    "((": _parse_arithmetic_command,
    "if": _parse_if,
    "while": _parse_while,
    "until": _parse_while,
    "for": _parse_for,
    "select": _parse_for,
    "case": _parse_case,
    "[[": _parse_test,
}
