"""Parses the bodies of here-documents, which begin on the line after their operator."""

import re

from runner.policy.grammar import words
from runner.policy.grammar.source import HereDoc, Source
from runner.policy.grammar.syntax import Literal, Part, Redirect, Word


def queue_heredoc(source: Source, redirect: Redirect) -> None:
    """Queue the here-document of `redirect`; `read_bodies` reads its body after this line."""
    raw = source.text[redirect.target.start - source.base : source.pos]
    if SUBSTITUTES.search(raw):
        raise source.build_fault("the end of a here-document must be a plain word")
    literal = all(isinstance(part, Literal) for part in redirect.target.parts)
    text = "".join(part.text for part in redirect.target.parts if isinstance(part, Literal)) if literal else raw
    quoted = QUOTES.search(raw) is not None
    source.pending.append(HereDoc(redirect, text, quoted, redirect.operator == "<<-"))


SUBSTITUTES = re.compile(r"[`<>(]|\$[({\['\"]")
QUOTES = re.compile(r"['\"\\]")


def read_bodies(source: Source) -> None:
    """Read the bodies of all queued here-documents. Called right after the end of a line."""
    waiting, source.pending = source.pending, []
    for document in waiting:
        document.redirect.body = _read_body(source, document)


def _read_body(source: Source, document: HereDoc) -> Word:
    start = source.pos
    lines: list[str] = []
    ahead = ""
    while source.pos < len(source.text):
        source.budget.spend()
        line = _read_line(source)
        bare = line.lstrip("\t") if document.strip else line
        if bare == document.delimiter and not ahead:
            break
        ahead = _join_continued(ahead, bare, document, source)
        lines.append(bare + "\n")
    return _build_word("".join(lines), document, source, start)


def _join_continued(ahead: str, line: str, document: HereDoc, source: Source) -> str:
    """Return the text that a trailing backslash joins to the next line, "" if the line is not continued.

    Raises SyntaxFault if the joined line could be the delimiter: shells differ in whether it ends the here-document.
    """
    if document.quoted:
        return ""
    whole = ahead + line
    if ahead and document.delimiter in (whole, line):
        raise source.build_fault("the end of a here-document must stand on a line of its own")
    goes_on = (len(whole) - len(whole.rstrip("\\"))) % 2
    return whole[:-1] if goes_on else ""


def _read_line(source: Source) -> str:
    end = source.text.find("\n", source.pos)
    end = len(source.text) if end < 0 else end
    line = source.text[source.pos : end]
    source.pos = min(end + 1, len(source.text))
    return line


def _build_word(text: str, document: HereDoc, source: Source, start: int) -> Word:
    parts: tuple[Part, ...] = (Literal(text, quoted=True),)
    if not document.quoted:
        nested = source.build_nested(text, source.base + start)
        parts = words.parse_heredoc(nested)
    return Word(parts, source.base + start, source.at)


def close_pending(source: Source) -> None:
    """Give each here-document that the end of the text leaves open an empty body; shells warn of it and go on."""
    for document in source.pending:
        document.redirect.body = Word((), source.at, source.at)
