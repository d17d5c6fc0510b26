"""Command words that do not say plainly what they run."""

from runner.policy import placeholders
from runner.policy.grammar.syntax import CommandSubstitution, Literal, Part

UNKNOWN_TEXT = {
    placeholders.DECODED: "dynamic.hidden-code",
    placeholders.REMOTE: "remote.pipe-to-shell",
    placeholders.SOCKET: "network.reverse-shell",
    placeholders.UNREAD: "dynamic.unread-input",
}
"""The rule for a text that is not known and is run as code, by its mark; `dynamic.code` for the others."""


def find_rule(name: str, parts: tuple[Part, ...] | None) -> str | None:
    """The rule that a command word breaks by itself. `parts` are those of the word; None if a program was given it."""
    base = name.rsplit("/", 1)[-1]
    mark = placeholders.TEXT.search(base)
    if mark is None:
        return None
    if placeholders.DECODED in base:
        return "dynamic.hidden-code"
    if placeholders.SOCKET in base:
        return "network.reverse-shell"
    if parts is None:
        return "dynamic.command-name" if mark.group() == placeholders.UNKNOWN else "dynamic.command-substitution"
    if any(isinstance(part, CommandSubstitution) for part in parts) or not all(
        isinstance(part, Literal) for part in parts
    ):
        return "dynamic.command-name" if mark.group() == placeholders.UNKNOWN else "dynamic.command-substitution"
    return UNKNOWN_TEXT.get(mark.group(), "dynamic.code")


def choose_unknown_text_rule(text: str) -> str:
    """The rule for a text that is run and cannot be read, by the mark that it begins with."""
    return UNKNOWN_TEXT.get(text[0], "dynamic.code") if text[0] in placeholders.UNKNOWNS else "dynamic.hidden-code"


def is_wild(name: str) -> bool:
    """Whether a wildcard stands in the name itself; `[` alone is a program."""
    base = name.rsplit("/", 1)[-1]
    return len(base) > 1 and placeholders.WILD.search(base) is not None
