"""Command words that do not say plainly what they run."""

from runner.policy import marks
from runner.policy.grammar.syntax import Literal, Part, Substitution

UNKNOWN_TEXT = {
    marks.DECODED: "dynamic.hidden-code",
    marks.REMOTE: "remote.pipe-to-shell",
    marks.SOCKET: "network.reverse-shell",
    marks.UNREAD: "dynamic.unread-input",
}
"""The rule for a text that is not known and is run as code, by its mark; `dynamic.code` for the others."""


def rule(name: str, parts: tuple[Part, ...] | None) -> str | None:
    """The rule that a command word breaks by itself. `parts` are those of the word; None if a program was given it."""
    base = name.rsplit("/", 1)[-1]
    mark = marks.TEXT.search(base)
    if mark is None:
        return None
    if marks.DECODED in base:
        return "dynamic.hidden-code"
    if marks.SOCKET in base:
        return "network.reverse-shell"
    if parts is None:
        return "dynamic.command-name" if mark.group() == marks.UNKNOWN else "dynamic.command-substitution"
    if any(isinstance(part, Substitution) for part in parts) or not all(isinstance(part, Literal) for part in parts):
        return "dynamic.command-name" if mark.group() == marks.UNKNOWN else "dynamic.command-substitution"
    return UNKNOWN_TEXT.get(mark.group(), "dynamic.code")


def unread(text: str) -> str:
    """The rule for a text that is run and cannot be read, by the mark that it begins with."""
    return UNKNOWN_TEXT.get(text[0], "dynamic.code") if text[0] in marks.UNKNOWNS else "dynamic.hidden-code"


def is_wild(name: str) -> bool:
    """Whether a wildcard stands in the name itself; `[` alone is a program."""
    base = name.rsplit("/", 1)[-1]
    return len(base) > 1 and marks.WILD.search(base) is not None
