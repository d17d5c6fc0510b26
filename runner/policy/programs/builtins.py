"""Builtins that change what the shell knows."""

import re
from collections.abc import Callable

from runner.policy import marks
from runner.policy.following import hooks
from runner.policy.following.shell import Argv, Shell, mark_of
from runner.policy.following.state import Values
from runner.policy.programs.options import Takes, leading
from runner.policy.rules import paths

NOTHING: Values = ("",)


def change_directory(shell: Shell, argv: Argv) -> Values:
    rest = leading(argv[1:], Takes()).rest
    target = (rest[0] if rest else "") or marks.HOME
    before = shell.state.cwd
    if target == "-":
        target = shell.state.variables.get("OLDPWD", (marks.UNKNOWN,))[0]
    shell.state.cwd = paths.resolved(target, before)
    shell.state.variables["OLDPWD"] = (before,)
    return NOTHING


def declare(shell: Shell, argv: Argv) -> Values:
    """`export name=value` that came out of an expansion; the plain ones are assignments already."""
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if not name.isidentifier():
            continue
        if equals:
            shell.state.variables[name] = (marks.plain(value),)
            hooks.look_into(shell, name, (value,))
        elif name in shell.state.variables:
            hooks.look_into(shell, name, shell.state.variables[name])
    return NOTHING


def read(shell: Shell, argv: Argv) -> Values:
    """Known input is split among the names at blanks, or at what IFS holds; the last takes the rest."""
    found = leading(argv[1:], Takes("adeinNptu"))
    if (array := found.value("a")) is not None:
        words = [text.split("\n", 1)[0].split() for text in shell.stdin if marks.known(text)]
        shell.state.arrays[array] = {str(place): (word,) for place, word in enumerate(words[0] if words else ())}
        return NOTHING
    names = found.rest or ("REPLY",)
    lines = [spaced(text.split("\n", 1)[0], shell.state.value("IFS")) for text in shell.stdin if marks.known(text)]
    unknown = marks.SOCKET if mark_of(shell.stdin) == marks.SOCKET else marks.UNKNOWN
    for place, name in enumerate(names):
        values = tuple(piece(line, place, len(names)) for line in lines)
        shell.state.variables[name] = (*values, unknown) if not lines or looped(shell) else values
    return NOTHING


def spaced(line: str, separators: Values) -> str:
    """The line with blanks where one of the characters of IFS parts it."""
    known = separators[0] if len(separators) == 1 and marks.known(separators[0]) else ""
    return line.translate({ord(char): " " for char in known})


def looped(shell: Shell) -> bool:
    """More than one line: any of them may be read."""
    return any("\n" in text.rstrip("\n") for text in shell.stdin)


def piece(line: str, place: int, count: int) -> str:
    words = line.split(None, count - 1)
    return words[place] if place < len(words) else ""


def alias(shell: Shell, argv: Argv) -> Values:
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if equals:
            shell.state.aliases[name] = marks.plain(value)
    return NOTHING


def unalias(shell: Shell, argv: Argv) -> Values:
    for word in argv[1:]:
        shell.state.aliases.pop(word, None)
    return NOTHING


def unset(shell: Shell, argv: Argv) -> Values:
    for word in argv[1:]:
        shell.state.arrays.pop(word, None)
        shell.state.functions.pop(word, None)
        if word.isidentifier():
            shell.state.variables[word] = NOTHING
    return NOTHING


def arguments(shell: Shell, argv: Argv) -> Values:
    """`set -- words`, `set -u`."""
    words = argv[1:]
    if any(re.fullmatch(r"-[A-Za-z]*u[A-Za-z]*|nounset", word) for word in words):
        shell.state.nounset = True
    if "--" in words:
        shell.state.positional = words[words.index("--") + 1 :]
    elif words and words[0][:1] not in ("-", "+"):
        shell.state.positional = words
    return NOTHING


def shift(shell: Shell, argv: Argv) -> Values:
    count = int(argv[1]) if len(argv) > 1 and argv[1].isdigit() else 1
    if shell.state.positional is not None:
        shell.state.positional = shell.state.positional[count:]
    return NOTHING


def hashed(shell: Shell, argv: Argv) -> Values:
    """`hash -p path name`: the name runs that path from now on."""
    found = leading(argv[1:], Takes("p"))
    path = found.value("p")
    if path is not None and found.rest:
        shell.state.aliases[found.rest[0]] = path
    return NOTHING


def print_directory(shell: Shell, argv: Argv) -> Values:
    return (shell.state.cwd + "\n",)


def quiet(shell: Shell, argv: Argv) -> Values:
    return NOTHING


def getopts(shell: Shell, argv: Argv) -> Values:
    for name in (*argv[2:3], "OPTARG"):
        shell.state.variables[name] = (marks.UNKNOWN,)
    return NOTHING


HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    "cd": change_directory,
    "chdir": change_directory,
    "pushd": change_directory,
    "export": declare,
    "declare": declare,
    "typeset": declare,
    "local": declare,
    "readonly": declare,
    "read": read,
    "alias": alias,
    "unalias": unalias,
    "unset": unset,
    "set": arguments,
    "shift": shift,
    "hash": hashed,
    "pwd": print_directory,
    "getopts": getopts,
    **dict.fromkeys(("true", "false", ":", "test", "[", "exit", "return", "wait", "sleep", "shopt", "let"), quiet),
}
