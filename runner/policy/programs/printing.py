"""What programs print of their own arguments."""

import re
from collections.abc import Callable

from runner.policy import marks
from runner.policy.following.shell import Argv, Shell
from runner.policy.following.state import Values, bounded
from runner.policy.grammar.ansi import unescape
from runner.policy.programs.options import Takes, anywhere
from runner.policy.tables import each

FORMAT = re.compile(r"%(%|[-+ #0]*\d*(?:\.\d+)?[sbqdiucxXoeEfgG])")
NOTHING: Values = ("",)
MOST_TIMES = 512


def echo(shell: Shell, argv: Argv) -> Values:
    """Whether backslashes are escapes depends on the shell."""
    words = argv[1:]
    escapes = False
    end = "\n"
    while words and re.fullmatch("-[neE]+", words[0]):
        end = "" if "n" in words[0] else end
        escapes = escapes or "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    plain, unescaped = text + end, unescape(octal(text)) + end
    if escapes or "\\" not in text:
        return (unescaped if escapes else plain,)
    return (unescaped, plain)


def octal(text: str) -> str:
    """`\\0163` of `echo -e` and `%b`, as `$'…'` writes it."""
    return re.sub(r"\\0([0-7]{1,3})", r"\\\1", text)


def printf(shell: Shell, argv: Argv) -> Values:
    """The format, used again for what arguments remain."""
    words = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    if words[:1] == ("-v",) and len(words) > 2:
        shell.state.variables[words[1]] = (formatted(words[2], list(words[3:])),)
        return NOTHING
    return (formatted(words[0], list(words[1:])),) if words else NOTHING


def formatted(template: str, arguments: list[str]) -> str:
    template = unescape(octal(template))
    out = ""
    for _ in range(MOST_TIMES):
        count = len(arguments)
        out += FORMAT.sub(lambda found: filled(found.group(1), arguments), template)
        if not arguments or len(arguments) == count:
            return bounded(out)
    return marks.DECODED


def filled(directive: str, arguments: list[str]) -> str:
    if directive == "%":
        return "%"
    value = arguments.pop(0) if arguments else ""
    if directive.endswith("b"):
        return unescape(octal(value))
    return value[:1] if directive.endswith("c") else value


def operands(argv: Argv) -> Argv:
    return anywhere(argv[1:], Takes("s")).rest


def basename(shell: Shell, argv: Argv) -> Values:
    return ("".join(word.rstrip("/").rsplit("/", 1)[-1] + "\n" for word in operands(argv)[:1]) or marks.OUTPUT,)


def dirname(shell: Shell, argv: Argv) -> Values:
    found = [word.rstrip("/").rpartition("/")[0] or "." for word in operands(argv)[:1]]
    return (found[0] + "\n" if found else marks.OUTPUT,)


def real_path(shell: Shell, argv: Argv) -> Values:
    """The path itself; where a link leads is not known, but its name says what it is for."""
    return ("".join(word + "\n" for word in operands(argv)) or marks.OUTPUT,)


HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    "echo": echo,
    "printf": printf,
    "basename": basename,
    "dirname": dirname,
    **each("readlink realpath", real_path),
}
