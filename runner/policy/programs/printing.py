"""Simulates programs that print their own arguments."""

import re
from collections.abc import Callable

from runner.policy import placeholders
from runner.policy.grammar.ansi import unescape
from runner.policy.programs.options import OptionSpec, parse_mixed_options
from runner.policy.shell.protocol import Argv, SimulatedShell
from runner.policy.shell.state import Values, limit_length
from runner.policy.tables import map_names

FORMAT = re.compile(r"%(%|[-+ #0]*\d*(?:\.\d+)?[sbqdiucxXoeEfgG])")
NOTHING: Values = ("",)
MOST_TIMES = 512


def _simulate_echo(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `echo`. Shells differ in whether backslashes are escapes, so both outputs are returned."""
    words = argv[1:]
    escapes = False
    end = "\n"
    while words and re.fullmatch("-[neE]+", words[0]):
        end = "" if "n" in words[0] else end
        escapes = escapes or "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    plain, unescaped = text + end, unescape(_convert_octal_escapes(text)) + end
    if escapes or "\\" not in text:
        return (unescaped if escapes else plain,)
    return (unescaped, plain)


def _convert_octal_escapes(text: str) -> str:
    r"""Rewrite `\0163` of `echo -e` and `%b` as `$'…'` writes it."""
    return re.sub(r"\\0([0-7]{1,3})", r"\\\1", text)


def _simulate_printf(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `printf`; the format is used again while arguments remain."""
    words = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    if words[:1] == ("-v",) and len(words) > 2:
        shell.state.variables[words[1]] = (_expand_format(words[2], list(words[3:])),)
        return NOTHING
    return (_expand_format(words[0], list(words[1:])),) if words else NOTHING


def _expand_format(template: str, arguments: list[str]) -> str:
    template = unescape(_convert_octal_escapes(template))
    out = ""
    for _ in range(MOST_TIMES):
        count = len(arguments)
        out += FORMAT.sub(lambda found: _expand_directive(found.group(1), arguments), template)
        if not arguments or len(arguments) == count:
            return limit_length(out)
    return placeholders.DECODED


def _expand_directive(directive: str, arguments: list[str]) -> str:
    if directive == "%":
        return "%"
    value = arguments.pop(0) if arguments else ""
    if directive.endswith("b"):
        return unescape(_convert_octal_escapes(value))
    return value[:1] if directive.endswith("c") else value


def _parse_operands(argv: Argv) -> Argv:
    return parse_mixed_options(argv[1:], OptionSpec("s")).rest


def _simulate_basename(shell: SimulatedShell, argv: Argv) -> Values:
    return (
        "".join(word.rstrip("/").rsplit("/", 1)[-1] + "\n" for word in _parse_operands(argv)[:1])
        or placeholders.OUTPUT,
    )


def _simulate_dirname(shell: SimulatedShell, argv: Argv) -> Values:
    found = [word.rstrip("/").rpartition("/")[0] or "." for word in _parse_operands(argv)[:1]]
    return (found[0] + "\n" if found else placeholders.OUTPUT,)


def _simulate_realpath(shell: SimulatedShell, argv: Argv) -> Values:
    """Return the path itself: the target of a link is not known, but its name tells its purpose."""
    return ("".join(word + "\n" for word in _parse_operands(argv)) or placeholders.OUTPUT,)


HANDLERS: dict[str, Callable[[SimulatedShell, Argv], Values]] = {
    "echo": _simulate_echo,
    "printf": _simulate_printf,
    "basename": _simulate_basename,
    "dirname": _simulate_dirname,
    **map_names("readlink realpath", _simulate_realpath),
}
