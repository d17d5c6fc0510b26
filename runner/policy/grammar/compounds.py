"""Reads compound commands: groups, branches, loops, cases and tests."""

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
    For,
    Literal,
    Loop,
    Part,
    Redirect,
    Sequence,
    Simple,
    Test,
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


def group(source: Source, start: int) -> Command | None:
    return Block("group", closed(source, "}"))


def subshell(source: Source, start: int) -> Command | None:
    body = filled(source)
    source.expect(")")
    return Block("subshell", body)


def arithmetic(source: Source, start: int) -> Command | None:
    """`((`: arithmetic, or a subshell within a subshell."""
    at, pending = source.at, list(source.pending)
    found = expansions.arithmetic(source)
    end, source.pos = source.pos, start + 1
    if found is None:
        source.pending = pending
        return subshell(source, start)
    otherwise = commands_up_to(source, start, end)
    source.pos, source.pending = end, pending
    return Test((Word(found, at, source.at),), otherwise)


def commands_up_to(source: Source, start: int, end: int) -> Sequence | None:
    """The same text as a subshell within a subshell, as shells without `((` read it; None if it is not one."""
    try:
        with source.budget.trial():
            found = subshell(source, start)
    except SyntaxFault:
        return None
    return Sequence((found,)) if found is not None and source.pos == end else None


def closed(source: Source, *closers: str) -> Sequence:
    """Commands and the word that closes them."""
    body = filled(source)
    word = source.match(CLOSING)
    if word not in closers:
        raise source.fault(f"{closers[0]!r} was expected")
    return body


def filled(source: Source) -> Sequence:
    body = source.program(source)
    if not body.commands:
        raise source.fault("a command was expected")
    return body


def last_word(source: Source) -> str:
    """The closing word that was just read."""
    return re.split(r"[^a-z}]", source.text[max(0, source.pos - 8) : source.pos])[-1]


def branch(source: Source, start: int) -> Command | None:
    conditions, bodies = [closed(source, "then")], [closed(source, "fi", "elif", "else")]
    while last_word(source) == "elif":
        conditions.append(closed(source, "then"))
        bodies.append(closed(source, "fi", "elif", "else"))
    if last_word(source) == "else":
        bodies.append(closed(source, "fi"))
    return Branch(tuple(conditions), tuple(bodies))


def loop(source: Source, start: int) -> Command | None:
    return Loop(closed(source, "do"), closed(source, "done"))


def each(source: Source, start: int) -> Command | None:
    """`for` and `select`."""
    skip_blank(source)
    if source.take("(("):
        return counted(source)
    name = source.match(IDENTIFIER)
    if not name:
        raise source.fault("a name was expected")
    skip_lines(source)
    items: tuple[Word, ...] | None = None
    if source.match(IN):
        items = listed(source)
    source.match(SEMICOLON)
    return For(name, items, loop_body(source))


def counted(source: Source) -> Command:
    at, found = source.at, expansions.arithmetic(source)
    if found is None:
        raise source.fault("arithmetic is not closed")
    source.match(SEMICOLON)
    return For("", (Word(found, at, source.at),), loop_body(source))


def listed(source: Source) -> tuple[Word, ...]:
    found: list[Word] = []
    skip_blank(source)
    while (word := words.word(source)) is not None:
        found.append(word)
        skip_blank(source)
    return tuple(found)


def loop_body(source: Source) -> Sequence:
    skip_lines(source)
    opening = source.match(CLOSING)
    if opening not in ("do", "{") and not source.take("{"):
        raise source.fault("'do' was expected")
    return closed(source, "done" if opening == "do" else "}")


def case(source: Source, start: int) -> Command | None:
    skip_blank(source)
    subject = words.word(source)
    if subject is None:
        raise source.fault("a word was expected")
    skip_lines(source)
    if not source.match(IN):
        raise source.fault("'in' was expected")
    patterns: list[tuple[Word, ...]] = []
    bodies: list[Sequence] = []
    skip_lines(source)
    while not ESAC.match(source.text, source.pos):
        patterns.append(case_patterns(source))
        bodies.append(source.program(source))
        if not source.match(CASE_END):
            break
        skip_lines(source)
    if not source.match(ESAC):
        raise source.fault("'esac' was expected")
    return Case(subject, tuple(patterns), tuple(bodies))


ESAC = re.compile(r"esac(?=[ \t\n;&|()<>]|\Z)")


def case_patterns(source: Source) -> tuple[Word, ...]:
    source.take("(")
    found: list[Word] = []
    skip_blank(source)
    while (word := words.word(source)) is not None:
        found.append(word)
        skip_blank(source)
        if not source.take("|"):
            break
        skip_blank(source)
    if not found:
        raise source.fault("a pattern was expected")
    source.expect(")")
    return tuple(found)


def test(source: Source, start: int) -> Command | None:
    """`[[ … ]]`."""
    found: list[Word] = []
    others: list[Other] = []
    skip_lines(source)
    while not source.match(TEST_END):
        source.budget.spend()
        if source.match(REGEX):
            found.append(regex(source))
        elif (word := words.word(source, patterned=True)) is not None:
            found.append(word)
            if others:
                others[-1].words.append(word)
        elif operator := source.match(TEST_OPERATOR):
            if operator not in "!()" or not others or others[-1].words:
                others.append(Other(operator))
        else:
            raise source.fault("a test is not closed")
        skip_lines(source)
    return Test(tuple(found), Sequence(tuple(other.command() for other in others if other.words)))


@dataclass(slots=True)
class Other:
    """What a shell without `[[` sees after an operator within it: another command, or a file to write."""

    operator: str
    words: list[Word] = field(default_factory=list)

    def command(self) -> Command:
        start, end = self.words[0].start, self.words[-1].end
        if self.operator in "<>":
            return Simple((), (), (Redirect(self.operator, "", self.words[0]),), start, end)
        plain = self.operator in ("&&", "||") and self.words[0].bare is not None
        return Simple((), tuple(self.words) if plain else (), (), start, end)


def regex(source: Source) -> Word:
    """The right side of `=~`, in which parentheses, bars and angles are not operators."""
    skip_blank(source)
    start = source.at
    parts: list[Part] = []
    while source.pos < len(source.text) and not source.peek().isspace():
        source.budget.spend()
        if text := source.match(REGEX_PLAIN):
            parts.append(Literal(text, quoted=True))
        elif (found := words.piece(source)) is not None:
            parts.extend(found)
        else:
            break
    return Word(tuple(parts), start, source.at)


READERS: dict[str, Callable[[Source, int], Command | None]] = {
    "{": group,
    "(": subshell,
    "((": arithmetic,
    "if": branch,
    "while": loop,
    "until": loop,
    "for": each,
    "select": each,
    "case": case,
    "[[": test,
}
