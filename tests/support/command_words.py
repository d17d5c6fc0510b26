"""The commands of `sshcast` that a text names, and whether they are there."""

import re
from typing import Any

from sshcast.cli import load_commands

INLINE = re.compile(r"`(sshcast [^`]+)`")


def list_inline_commands(text: str) -> list[str]:
    """Every `sshcast …` within a sentence or a table of a page."""
    return INLINE.findall(text)


def find_unknown(line: str) -> str | None:
    """What of a command is not there: its name, or one of its options. What follows `--` runs on a server."""
    words = line.split()[1:]
    words = words[: words.index("--")] if "--" in words else words
    found: Any = load_commands()
    while words and hasattr(found, "commands") and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in found.commands:
            return name
        found = found.commands[name]
    own = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known = own | {"--help", "--version"}
    wrong = [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
    return wrong[0] if wrong else None
