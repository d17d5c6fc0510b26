"""Parses a shell text into its syntax tree: POSIX, and what bash adds."""

import re

from runner.policy.grammar import commands, heredocs, words
from runner.policy.grammar.blanks import skip_blank, skip_lines
from runner.policy.grammar.source import LONGEST, Budget, Source, TooComplex
from runner.policy.grammar.syntax import Command, Sequence

SEPARATOR = re.compile(r";(?!;|&)|&(?!&)|\n")
CLOSERS = frozenset({"}", "then", "do", "done", "fi", "elif", "else", "esac"})
WORD = re.compile(r"[a-z}]+(?=[ \t\n;&|()<>]|\Z)")


def parse(text: str, budget: Budget, base: int = 0) -> Sequence:
    """Parse the whole text. Raises SyntaxFault, or TooComplex when parsing it would cost too much."""
    if len(text) > LONGEST:
        raise TooComplex("the text is too long")
    source = Source(text, _parse_program, words.parse_operand, budget, base)
    tree = _parse_program(source)
    if source.pos < len(text):
        raise source.build_fault(f"unexpected {source.peek()!r}")
    heredocs.close_pending(source)
    return tree


def _parse_program(source: Source) -> Sequence:
    """Parse commands up to the end, a closing parenthesis, a closing word, or the end of a case's body."""
    found: list[Command] = []
    background: set[int] = set()
    skip_lines(source)
    while not _is_at_end(source):
        source.budget.spend()
        found.append(commands.parse_chain(source))
        skip_blank(source)
        if _is_at_end(source):
            break
        separator = source.match(SEPARATOR)
        if not separator:
            raise source.build_fault(f"unexpected {source.peek()!r}")
        if separator == "&":
            background.add(len(found) - 1)
        if separator == "\n":
            heredocs.read_bodies(source)
        skip_lines(source)
    return Sequence(tuple(found), frozenset(background))


def _is_at_end(source: Source) -> bool:
    if source.pos >= len(source.text) or source.peek() == ")" or source.starts_with(";;") or source.starts_with(";&"):
        return True
    found = WORD.match(source.text, source.pos)
    return found is not None and found.group() in CLOSERS
