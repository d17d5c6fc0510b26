"""Reads a shell text into its syntax tree: POSIX, and what bash adds."""

import re

from runner.policy.grammar import commands, heredocs
from runner.policy.grammar.blanks import skip_blank, skip_lines
from runner.policy.grammar.source import LONGEST, Budget, Source, TooComplex
from runner.policy.grammar.syntax import Command, Sequence

SEPARATOR = re.compile(r";(?!;|&)|&(?!&)|\n")
CLOSERS = frozenset({"}", "then", "do", "done", "fi", "elif", "else", "esac"})
WORD = re.compile(r"[a-z}]+(?=[ \t\n;&|()<>]|\Z)")


def parse(text: str, budget: Budget, base: int = 0) -> Sequence:
    """The whole text. Raises SyntaxFault, or TooComplex when reading it would cost too much."""
    if len(text) > LONGEST:
        raise TooComplex("the text is too long")
    source = Source(text, program, budget, base)
    tree = program(source)
    if source.pos < len(text):
        raise source.fault(f"unexpected {source.peek()!r}")
    heredocs.close(source)
    return tree


def program(source: Source) -> Sequence:
    """Commands up to the end, a closing parenthesis, a closing word or the end of a case's body."""
    found: list[Command] = []
    background: set[int] = set()
    skip_lines(source)
    while not closes(source):
        source.budget.spend()
        found.append(commands.chain(source))
        skip_blank(source)
        if closes(source):
            break
        separator = source.match(SEPARATOR)
        if not separator:
            raise source.fault(f"unexpected {source.peek()!r}")
        if separator == "&":
            background.add(len(found) - 1)
        if separator == "\n":
            heredocs.read_bodies(source)
        skip_lines(source)
    return Sequence(tuple(found), frozenset(background))


def closes(source: Source) -> bool:
    if source.pos >= len(source.text) or source.peek() == ")" or source.starts(";;") or source.starts(";&"):
        return True
    found = WORD.match(source.text, source.pos)
    return found is not None and found.group() in CLOSERS
