"""Simulates builtins that change the state of the shell."""

import re
from collections.abc import Callable

from runner.policy import placeholders
from runner.policy.filesystem import paths
from runner.policy.programs.options import OptionSpec, parse_leading_options
from runner.policy.shell import hooks
from runner.policy.shell.protocol import Argv, SimulatedShell, choose_placeholder
from runner.policy.shell.state import Values

NOTHING: Values = ("",)


def _simulate_cd(shell: SimulatedShell, argv: Argv) -> Values:
    rest = parse_leading_options(argv[1:], OptionSpec()).rest
    target = (rest[0] if rest else "") or placeholders.HOME
    before = shell.state.cwd
    if target == "-":
        target = shell.state.variables.get("OLDPWD", (placeholders.UNKNOWN,))[0]
    shell.state.cwd = paths.resolve_path(target, before)
    shell.state.variables["OLDPWD"] = (before,)
    return NOTHING


def _simulate_declare(shell: SimulatedShell, argv: Argv) -> Values:
    """Set variables from words like `name=value` that an expansion produced; plain ones are already assignments."""
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if not name.isidentifier():
            continue
        if equals:
            shell.state.variables[name] = (placeholders.restore_wildcards(value),)
            hooks.inspect_variable(shell, name, (value,))
        elif name in shell.state.variables:
            hooks.inspect_variable(shell, name, shell.state.variables[name])
    return NOTHING


def _simulate_read(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `read`: split known input among the names at blanks or IFS; the last name takes the rest."""
    found = parse_leading_options(argv[1:], OptionSpec("adeinNptu"))
    if (array := found.get_value("a")) is not None:
        words = [text.split("\n", 1)[0].split() for text in shell.stdin if placeholders.is_known(text)]
        shell.state.arrays[array] = {str(place): (word,) for place, word in enumerate(words[0] if words else ())}
        return NOTHING
    names = found.rest or ("REPLY",)
    lines = [
        _replace_separators(text.split("\n", 1)[0], shell.state.get_variable("IFS"))
        for text in shell.stdin
        if placeholders.is_known(text)
    ]
    unknown = placeholders.SOCKET if choose_placeholder(shell.stdin) == placeholders.SOCKET else placeholders.UNKNOWN
    for place, name in enumerate(names):
        values = tuple(_get_field(line, place, len(names)) for line in lines)
        shell.state.variables[name] = (*values, unknown) if not lines or _has_many_lines(shell) else values
    return NOTHING


def _replace_separators(line: str, separators: Values) -> str:
    """Return the line with its IFS separators replaced by blanks."""
    known = separators[0] if len(separators) == 1 and placeholders.is_known(separators[0]) else ""
    return line.translate({ord(char): " " for char in known})


def _has_many_lines(shell: SimulatedShell) -> bool:
    """True if the input has more than one line, any of which may be the one that is read."""
    return any("\n" in text.rstrip("\n") for text in shell.stdin)


def _get_field(line: str, place: int, count: int) -> str:
    words = line.split(None, count - 1)
    return words[place] if place < len(words) else ""


def _simulate_alias(shell: SimulatedShell, argv: Argv) -> Values:
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if equals:
            shell.state.aliases[name] = placeholders.restore_wildcards(value)
    return NOTHING


def _simulate_unalias(shell: SimulatedShell, argv: Argv) -> Values:
    for word in argv[1:]:
        shell.state.aliases.pop(word, None)
    return NOTHING


def _simulate_unset(shell: SimulatedShell, argv: Argv) -> Values:
    for word in argv[1:]:
        shell.state.arrays.pop(word, None)
        shell.state.functions.pop(word, None)
        if word.isidentifier():
            shell.state.variables[word] = NOTHING
    return NOTHING


def _simulate_set(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `set -- words` and `set -u`."""
    words = argv[1:]
    if any(re.fullmatch(r"-[A-Za-z]*u[A-Za-z]*|nounset", word) for word in words):
        shell.state.nounset = True
    if "--" in words:
        shell.state.positional = words[words.index("--") + 1 :]
    elif words and words[0][:1] not in ("-", "+"):
        shell.state.positional = words
    return NOTHING


def _simulate_shift(shell: SimulatedShell, argv: Argv) -> Values:
    count = int(argv[1]) if len(argv) > 1 and argv[1].isdigit() else 1
    if shell.state.positional is not None:
        shell.state.positional = shell.state.positional[count:]
    return NOTHING


def _simulate_hash(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `hash -p path name`: the name runs that path from now on."""
    found = parse_leading_options(argv[1:], OptionSpec("p"))
    path = found.get_value("p")
    if path is not None and found.rest:
        shell.state.aliases[found.rest[0]] = path
    return NOTHING


def _simulate_pwd(shell: SimulatedShell, argv: Argv) -> Values:
    return (shell.state.cwd + "\n",)


def print_nothing(shell: SimulatedShell, argv: Argv) -> Values:
    return NOTHING


def _simulate_getopts(shell: SimulatedShell, argv: Argv) -> Values:
    for name in (*argv[2:3], "OPTARG"):
        shell.state.variables[name] = (placeholders.UNKNOWN,)
    return NOTHING


HANDLERS: dict[str, Callable[[SimulatedShell, Argv], Values]] = {
    "cd": _simulate_cd,
    "chdir": _simulate_cd,
    "pushd": _simulate_cd,
    "export": _simulate_declare,
    "declare": _simulate_declare,
    "typeset": _simulate_declare,
    "local": _simulate_declare,
    "readonly": _simulate_declare,
    "read": _simulate_read,
    "alias": _simulate_alias,
    "unalias": _simulate_unalias,
    "unset": _simulate_unset,
    "set": _simulate_set,
    "shift": _simulate_shift,
    "hash": _simulate_hash,
    "pwd": _simulate_pwd,
    "getopts": _simulate_getopts,
    **dict.fromkeys(
        ("true", "false", ":", "test", "[", "exit", "return", "wait", "sleep", "shopt", "let"), print_nothing
    ),
}
