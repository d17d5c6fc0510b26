"""Shells, and the other ways in which a text is run as a shell's."""

from collections.abc import Callable
from itertools import pairwise

from runner.policy import marks
from runner.policy.following.shell import STANDARD_INPUT, Argv, Shell, name_of
from runner.policy.following.state import Values, merged
from runner.policy.programs.options import Takes, leading
from runner.policy.rules import paths
from runner.policy.tables import words

NOTHING: Values = ("",)
SHELLS = words("sh bash dash ash zsh ksh mksh ksh93 rbash fish csh tcsh yash posh busybox-sh")
BASH = Takes("cOo", frozenset({"--rcfile", "--init-file"}))


def run(shell: Shell, argv: Argv) -> Values:
    """`sh -c text`, `sh file`, `sh` that reads its input."""
    name = name_of(argv[0])
    letters, rest = flags(argv[1:])
    for option, file in pairwise(argv):
        if option in BASH.long:
            script(shell, (file,), f"{name} {option}", apart=False)
    if shell.socket and (not rest or "s" in letters):
        shell.hit("network.reverse-shell")
    if "c" in letters:
        return with_arguments(shell, rest, name + " -c") if rest else NOTHING
    if rest and "s" not in letters:
        return script(shell, rest, name)
    return from_input(shell, name, rest)


def flags(args: Argv) -> tuple[str, Argv]:
    """The option letters of a shell, and its operands; `-c` takes its text from the operands."""
    letters, place = "", 0
    while place < len(args) and args[place][:1] in ("-", "+") and len(args[place]) > 1:
        word = args[place]
        place += 1
        if word == "--":
            break
        if word.startswith("--"):
            place += word in BASH.long
            continue
        letters += word[1:]
        place += word[-1] in "oO"
    return letters, args[place:]


def with_arguments(shell: Shell, rest: Argv, via: str) -> Values:
    before, zero = shell.state.positional, shell.state.variables.get("0", ("sh",))
    shell.state.positional, shell.state.variables["0"] = rest[2:], rest[1:2] or ("sh",)
    found = shell.text(rest[0], via)
    shell.state.positional, shell.state.variables["0"] = before, zero
    return found


def script(shell: Shell, rest: Argv, via: str, *, apart: bool = True) -> Values:
    """A file; known if the text at hand wrote it."""
    path = rest[0]
    if path == "-" or path in STANDARD_INPUT:
        return from_input(shell, via, rest[1:])
    written = shell.state.files.get(paths.resolved(marks.plain(path), shell.state.cwd))
    if written is None:
        return (marks.OUTPUT,)
    return merged(*(shell.text(text, via, apart=apart) for text in written))


def from_input(shell: Shell, via: str, rest: Argv = ()) -> Values:
    """Every text that may be on standard input."""
    texts, shell.stdin = shell.stdin, ("",)
    if texts == (marks.UNKNOWN,):
        return (marks.OUTPUT,)
    before, shell.state.positional = shell.state.positional, rest
    found = merged(*(shell.text(text, via) for text in texts)) if texts else NOTHING
    shell.stdin, shell.state.positional = texts, before
    return found


def evaluate(shell: Shell, argv: Argv) -> Values:
    words = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    return shell.text(" ".join(marks.plain(word) for word in words), "eval", apart=False)


def source(shell: Shell, argv: Argv) -> Values:
    words = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    return script(shell, words, "source", apart=False) if words else NOTHING


def trap(shell: Shell, argv: Argv) -> Values:
    words = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    if len(words) > 1 and words[0] not in ("", "-", "-l", "-p"):
        shell.state.traps.append((words[0], shell.span))
    return NOTHING


def script_recorder(shell: Shell, argv: Argv) -> Values:
    """`script -c text`."""
    found = leading(argv[1:], Takes("cIOBTEmo", frozenset({"--command", "--log-in", "--log-out", "--log-io"})))
    return optional(shell, found.value("c", "--command"), "script -c")


def optional(shell: Shell, text: str | None, via: str) -> Values:
    return shell.text(text, via) if text is not None else (marks.OUTPUT,)


def change_user(shell: Shell, argv: Argv) -> Values:
    """`su -c text`: the rule is broken already; what it runs is looked at too."""
    found = leading(argv[1:], Takes("cgGs", frozenset({"--command", "--shell", "--group"})))
    return optional(shell, found.value("c", "--command"), name_of(argv[0]) + " -c")


def raised(shell: Shell, argv: Argv) -> Values:
    """`sudo command`: what it runs is looked at too."""
    takes = Takes(
        "ugpCchrRTtUDa", frozenset({"--user", "--group", "--prompt", "--host", "--chdir", "--role", "--type"})
    )
    rest = leading(argv[1:], takes).rest
    while rest and "=" in rest[0]:
        rest = rest[1:]
    return shell.invoke(rest, name_of(argv[0])) if rest else (marks.OUTPUT,)


def later(shell: Shell, argv: Argv) -> Values:
    """`at` and `batch` run their input."""
    return from_input(shell, name_of(argv[0]))


def compgen(shell: Shell, argv: Argv) -> Values:
    """`compgen -C text`, `complete -C`: run as a command."""
    found = leading(argv[1:], Takes("CFWAGPSXo"))
    return optional(shell, found.value("C"), "compgen -C")


def mapfile(shell: Shell, argv: Argv) -> Values:
    found = leading(argv[1:], Takes("CcdnOsu"))
    lines = [line for text in shell.stdin[:1] if marks.known(text) for line in text.splitlines()[:64]]
    shell.state.arrays[found.rest[0] if found.rest else "MAPFILE"] = {
        str(place): (line,) for place, line in enumerate(lines or [marks.UNKNOWN])
    }
    return optional(shell, found.value("C"), "mapfile -C") if found.has("C") else NOTHING


HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    **dict.fromkeys(SHELLS, run),
    "eval": evaluate,
    "source": source,
    ".": source,
    "trap": trap,
    "script": script_recorder,
    "su": change_user,
    "runuser": change_user,
    "sudo": raised,
    "doas": raised,
    "pkexec": raised,
    "run0": raised,
    "at": later,
    "batch": later,
    "compgen": compgen,
    "mapfile": mapfile,
    "readarray": mapfile,
}
