"""Rules for command words whose program is not plain from the text."""

from runner.policy import placeholders
from runner.policy.grammar.syntax import CommandSubstitution, Literal, Part

UNKNOWN_TEXT = {
    placeholders.DECODED: "dynamic.hidden-code",
    placeholders.REMOTE: "remote.pipe-to-shell",
    placeholders.SOCKET: "network.reverse-shell",
    placeholders.UNREAD: "dynamic.unread-input",
}
"""The rule for unknown text that is run as code, by its placeholder; `dynamic.code` for all others."""


def find_rule(name: str, parts: tuple[Part, ...] | None) -> str | None:
    """Return the rule that a command word breaks by itself, or None.

    `parts` are the parts of the word, None if another program passes the command on.
    """
    base = name.rsplit("/", 1)[-1]
    placeholder = placeholders.TEXT.search(base)
    if placeholder is None:
        return None
    if placeholders.DECODED in base:
        return "dynamic.hidden-code"
    if placeholders.SOCKET in base:
        return "network.reverse-shell"
    if parts is None:
        return "dynamic.command-name" if placeholder.group() == placeholders.UNKNOWN else "dynamic.command-substitution"
    if any(isinstance(part, CommandSubstitution) for part in parts) or not all(
        isinstance(part, Literal) for part in parts
    ):
        return "dynamic.command-name" if placeholder.group() == placeholders.UNKNOWN else "dynamic.command-substitution"
    return UNKNOWN_TEXT.get(placeholder.group(), "dynamic.code")


def choose_unknown_text_rule(text: str) -> str:
    """Return the rule for a text that runs but cannot be read, by the placeholder that it begins with."""
    return UNKNOWN_TEXT.get(text[0], "dynamic.code") if text[0] in placeholders.UNKNOWNS else "dynamic.hidden-code"


def is_wild(name: str) -> bool:
    """True if the program's name holds a wildcard; `[` alone is a program."""
    base = name.rsplit("/", 1)[-1]
    return len(base) > 1 and placeholders.WILD.search(base) is not None
