"""What echo and printf print."""

import re

from runner.policy.following.shell import Argv, Shell
from runner.policy.following.state import Values
from runner.policy.grammar.ansi import unescape

FORMAT = re.compile(r"%(%|[-+ #0]*\d*(?:\.\d+)?[sbqdiucxXoeEfgG])")
NOTHING: Values = ("",)


def echo(shell: Shell, argv: Argv) -> Values:
    words = argv[1:]
    escapes = False
    end = "\n"
    while words and re.fullmatch("-[neE]+", words[0]):
        end = "" if "n" in words[0] else end
        escapes = escapes or "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    return ((unescape(octal(text)) if escapes or "\\" in text else text) + end,)


def octal(text: str) -> str:
    """`\\0163` of `echo -e` and `%b`, as `$'…'` writes it."""
    return re.sub(r"\\0([0-7]{1,3})", r"\\\1", text)


def printf(shell: Shell, argv: Argv) -> Values:
    """The format, used again for what arguments remain, at most 32 times."""
    words = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    if words[:1] == ("-v",) and len(words) > 2:
        shell.state.variables[words[1]] = (formatted(words[2], list(words[3:])),)
        return NOTHING
    return (formatted(words[0], list(words[1:])),) if words else NOTHING


def formatted(template: str, arguments: list[str]) -> str:
    template = unescape(octal(template))
    out = ""
    for _ in range(32):
        count = len(arguments)
        out += FORMAT.sub(lambda found: filled(found.group(1), arguments), template)
        if not arguments or len(arguments) == count:
            break
    return out


def filled(directive: str, arguments: list[str]) -> str:
    if directive == "%":
        return "%"
    value = arguments.pop(0) if arguments else ""
    if directive.endswith("b"):
        return unescape(octal(value))
    return value[:1] if directive.endswith("c") else value
