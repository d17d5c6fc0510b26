"""Programs that run the command in their arguments."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.policy import marks
from runner.policy.following import hooks
from runner.policy.following.shell import Argv, Shell, mark_of, name_of
from runner.policy.following.state import Values, bounded
from runner.policy.grammar.source import TooComplex
from runner.policy.programs import finding
from runner.policy.programs.options import Takes, leading

NOTHING: Values = ("",)
MOST_WORDS = 256


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A program that runs the command in its arguments.

    `skip` operands stand before the command, which is one text for a shell if `text`. With `only`, the first operand
    must be one of these.
    """

    takes: Takes
    skip: int = 0
    text: bool = False
    only: frozenset[str] = frozenset()

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Wrapper":
        only = frozenset(table.get("only", "").split())
        return cls(Takes.read(table.get("takes", "")), table.get("skip", 0), table.get("text", False), only)


def wrapped(shell: Shell, argv: Argv, wrapper: Wrapper) -> Values:
    """Run what the program would run."""
    name = name_of(argv[0])
    found = leading(argv[1:], wrapper.takes)
    if found.has("--help", "--version", "--list") or (wrapper.only and wrapper.only.isdisjoint(found.rest[:1])):
        return (marks.OUTPUT,)
    command = found.rest[wrapper.skip :]
    if wrapper.only:
        command = leading(command, wrapper.takes).rest
    if not command:
        return (marks.OUTPUT,)
    return shell.text(" ".join(command), name) if wrapper.text else shell.invoke(command, name)


def env(shell: Shell, argv: Argv) -> Values:
    """`env`, with `-S` and assignments."""
    args = argv[1:]
    found = leading(args, Takes("uCSa", frozenset({"--unset", "--chdir", "--split-string", "--argv0"})))
    rest = found.rest[1:] if found.rest[:1] == ("-",) else found.rest
    if (text := found.value("S", "--split-string")) is not None:
        rest = (*split(text), *rest)
    before = dict(shell.state.variables)
    while rest and is_assignment(rest[0]):
        name, _, value = rest[0].partition("=")
        shell.state.variables[name] = (value,)
        hooks.look_into(shell, name, (value,))
        rest = rest[1:]
    output = shell.invoke(rest, "env") if rest else (marks.OUTPUT,)
    shell.state.variables = before
    return output


def split(text: str) -> tuple[str, ...]:
    """The words of `env -S`: quotes and backslashes go."""
    return tuple(word.replace("'", "").replace('"', "").replace("\\_", " ").replace("\\", "") for word in text.split())


def is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and (name.replace("_", "a").isalnum() or name.startswith("BASH_FUNC_"))


def command(shell: Shell, argv: Argv) -> Values:
    """`command`: with `-v` it prints where a program is."""
    found = leading(argv[1:], Takes())
    if found.has("v", "V"):
        return where(found.rest)
    return shell.invoke(found.rest, "command") if found.rest else NOTHING


def where(names: tuple[str, ...]) -> Values:
    return ("".join(f"{name if '/' in name else '/usr/bin/' + name}\n" for name in names),)


def which(shell: Shell, argv: Argv) -> Values:
    return where(leading(argv[1:], Takes()).rest)


def flock(shell: Shell, argv: Argv) -> Values:
    """`flock file command…` or `flock file -c text`."""
    found = leading(
        argv[1:],
        Takes("wEcn".replace("n", ""), frozenset({"--wait", "--timeout", "--conflict-exit-code", "--command"})),
    )
    rest = leading(found.rest[1:], Takes("c", frozenset({"--command"})))
    text = rest.value("c", "--command") or found.value("c", "--command")
    if text is not None:
        return shell.text(text, "flock -c")
    return shell.invoke(rest.rest, "flock") if rest.rest else NOTHING


def xargs(shell: Shell, argv: Argv) -> Values:
    """`xargs`, with what it would read as the arguments."""
    takes = Takes(
        "aEILnPsd", frozenset({"--arg-file", "--max-args", "--max-procs", "--delimiter", "--max-lines", "--replace"})
    )
    found = leading(argv[1:], takes)
    if not found.rest:
        return shell.stdin
    place = found.value("I", "--replace") or ("{}" if found.has("i", "--replace") else "")
    for text in shell.stdin:
        if not place:
            shell.invoke((*found.rest, *given(text.split(), text)), "xargs")
        for word in few(given(text.split("\n"), text)) if place else ():
            shell.invoke(tuple(part.replace(place, word) for part in found.rest), "xargs")
    return (marks.OUTPUT,)


def few(words: Argv) -> Argv:
    if len(words) > MOST_WORDS:
        raise TooComplex("too many words to run a command with each")
    return words


def given(pieces: Iterable[str], text: str) -> Argv:
    """The words or lines of standard input; the paths that `find` prints keep their mark."""
    words = tuple(piece for each in pieces if (piece := each.translate(DEQUOTE).strip()))
    found = tuple(word for word in words if marks.known(word) or word.endswith(marks.FOUND))
    return found if found and len(found) == len(words) else (*found, mark_of((text,)))


DEQUOTE = {ord("'"): None, ord('"'): None, ord("\\"): None}


def parallel(shell: Shell, argv: Argv) -> Values:
    """GNU parallel: a text for a shell, arguments after `:::` or from its input."""
    takes = Takes(
        "jIaNnLPSd",
        frozenset({"--jobs", "--arg-file", "--joblog", "--delay", "--timeout", "--retries", "--colsep", "--results"}),
    )
    found = leading(argv[1:], takes)
    words = found.rest
    cut = next((place for place, word in enumerate(words) if word in (":::", "::::", ":::+")), len(words))
    template, arguments = " ".join(words[:cut]), words[cut + 1 :]
    if not arguments:
        arguments = tuple(line for text in shell.stdin for line in text.splitlines()) or (marks.FOUND,)
    for argument in few(arguments):
        shell.text(substituted(template, argument), "parallel")
    return (marks.OUTPUT,)


def substituted(template: str, argument: str) -> str:
    if "{" in template:
        return template.replace("{}", argument).replace("{.}", argument).replace("{/}", argument)
    return f"{template} {argument}"


def find(shell: Shell, argv: Argv) -> Values:
    """`find … -exec command \\;`: `{}` is a path under where it looks."""
    words, places = argv[1:], finding.places(argv[1:])
    for index, word in enumerate(words):
        if word not in ("-exec", "-execdir", "-ok", "-okdir"):
            continue
        rest = words[index + 1 :]
        end = next((at for at, part in enumerate(rest) if part == ";" or (part == "+" and at)), len(rest))
        for place in few(places) if end else ():
            shell.invoke(tuple(part.replace("{}", place) for part in rest[:end]), "find " + word)
    return (bounded("".join(place + "\n" for place in places)),)


HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    "env": env,
    "command": command,
    "which": which,
    "type": which,
    "whereis": which,
    "flock": flock,
    "xargs": xargs,
    "parallel": parallel,
    "find": find,
}
