"""Simulates programs that run the command in their arguments."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.policy import placeholders
from runner.policy.grammar.source import TooComplex
from runner.policy.programs import find_expression
from runner.policy.programs.options import OptionSpec, parse_leading_options
from runner.policy.shell import hooks
from runner.policy.shell.protocol import Argv, SimulatedShell, choose_placeholder, get_program_name
from runner.policy.shell.state import Values, limit_length

NOTHING: Values = ("",)
MOST_WORDS = 256


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A program that runs the command in its arguments.

    `skip` operands come before the command. With `text`, the command is one text for a shell. With `only`, the first
    operand must be one of these names.
    """

    takes: OptionSpec
    skip: int = 0
    text: bool = False
    only: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> "Wrapper":
        only = frozenset(table.get("only", "").split())
        return cls(OptionSpec.parse(table.get("takes", "")), table.get("skip", 0), table.get("text", False), only)


def run_wrapped_command(shell: SimulatedShell, argv: Argv, wrapper: Wrapper) -> Values:
    """Run the wrapped command."""
    name = get_program_name(argv[0])
    found = parse_leading_options(argv[1:], wrapper.takes)
    if found.has("--help", "--version", "--list") or (wrapper.only and wrapper.only.isdisjoint(found.rest[:1])):
        return (placeholders.OUTPUT,)
    command = found.rest[wrapper.skip :]
    if wrapper.only:
        command = parse_leading_options(command, wrapper.takes).rest
    if not command:
        return (placeholders.OUTPUT,)
    return shell.run_text(" ".join(command), name) if wrapper.text else shell.invoke(command, name)


def _simulate_env(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `env`, with `-S` and assignments."""
    args = argv[1:]
    found = parse_leading_options(
        args, OptionSpec("uCSa", frozenset({"--unset", "--chdir", "--split-string", "--argv0"}))
    )
    rest = found.rest[1:] if found.rest[:1] == ("-",) else found.rest
    if (text := found.get_value("S", "--split-string")) is not None:
        rest = (*_split_env_string(text), *rest)
    before = dict(shell.state.variables)
    while rest and _is_assignment(rest[0]):
        name, _, value = rest[0].partition("=")
        shell.state.variables[name] = (value,)
        hooks.inspect_variable(shell, name, (value,))
        rest = rest[1:]
    output = shell.invoke(rest, "env") if rest else (placeholders.OUTPUT,)
    shell.state.variables = before
    return output


def _split_env_string(text: str) -> tuple[str, ...]:
    """Split the text of `env -S` into words without quotes and backslashes."""
    return tuple(word.replace("'", "").replace('"', "").replace("\\_", " ").replace("\\", "") for word in text.split())


def _is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and (name.replace("_", "a").isalnum() or name.startswith("BASH_FUNC_"))


def _simulate_command(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `command`, which prints the location of a program with `-v`."""
    found = parse_leading_options(argv[1:], OptionSpec())
    if found.has("v", "V"):
        return _print_locations(found.rest)
    return shell.invoke(found.rest, "command") if found.rest else NOTHING


def _print_locations(names: tuple[str, ...]) -> Values:
    return ("".join(f"{name if '/' in name else '/usr/bin/' + name}\n" for name in names),)


def _simulate_which(shell: SimulatedShell, argv: Argv) -> Values:
    return _print_locations(parse_leading_options(argv[1:], OptionSpec()).rest)


def _simulate_flock(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `flock file command…` and `flock file -c text`."""
    found = parse_leading_options(
        argv[1:],
        OptionSpec("wEcn".replace("n", ""), frozenset({"--wait", "--timeout", "--conflict-exit-code", "--command"})),
    )
    rest = parse_leading_options(found.rest[1:], OptionSpec("c", frozenset({"--command"})))
    text = rest.get_value("c", "--command") or found.get_value("c", "--command")
    if text is not None:
        return shell.run_text(text, "flock -c")
    return shell.invoke(rest.rest, "flock") if rest.rest else NOTHING


def _simulate_xargs(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `xargs`, with its input as the arguments."""
    takes = OptionSpec(
        "aEILnPsd", frozenset({"--arg-file", "--max-args", "--max-procs", "--delimiter", "--max-lines", "--replace"})
    )
    found = parse_leading_options(argv[1:], takes)
    if not found.rest:
        return shell.stdin
    place = found.get_value("I", "--replace") or ("{}" if found.has("i", "--replace") else "")
    for text in shell.stdin:
        if not place:
            shell.invoke((*found.rest, *_split_input(text.split(), text)), "xargs")
        for word in _check_word_count(_split_input(text.split("\n"), text)) if place else ():
            shell.invoke(tuple(part.replace(place, word) for part in found.rest), "xargs")
    return (placeholders.OUTPUT,)


def _check_word_count(words: Argv) -> Argv:
    if len(words) > MOST_WORDS:
        raise TooComplex("too many words to run a command with each")
    return words


def _split_input(pieces: Iterable[str], text: str) -> Argv:
    """Return the words or lines of the input; the paths that `find` prints keep their placeholder."""
    words = tuple(piece for each in pieces if (piece := each.translate(DEQUOTE).strip()))
    found = tuple(word for word in words if placeholders.is_known(word) or word.endswith(placeholders.FOUND))
    return found if found and len(found) == len(words) else (*found, choose_placeholder((text,)))


DEQUOTE = {ord("'"): None, ord('"'): None, ord("\\"): None}


def _simulate_parallel(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate GNU parallel: a shell text, with arguments after `:::` or from standard input."""
    takes = OptionSpec(
        "jIaNnLPSd",
        frozenset({"--jobs", "--arg-file", "--joblog", "--delay", "--timeout", "--retries", "--colsep", "--results"}),
    )
    found = parse_leading_options(argv[1:], takes)
    words = found.rest
    cut = next((place for place, word in enumerate(words) if word in (":::", "::::", ":::+")), len(words))
    template, arguments = " ".join(words[:cut]), words[cut + 1 :]
    if not arguments:
        arguments = tuple(line for text in shell.stdin for line in text.splitlines()) or (placeholders.FOUND,)
    for argument in _check_word_count(arguments):
        shell.run_text(_fill_template(template, argument), "parallel")
    return (placeholders.OUTPUT,)


def _fill_template(template: str, argument: str) -> str:
    if "{" in template:
        return template.replace("{}", argument).replace("{.}", argument).replace("{/}", argument)
    return f"{template} {argument}"


def _simulate_find(shell: SimulatedShell, argv: Argv) -> Values:
    r"""Simulate `find … -exec command \;`, where `{}` is a path below a starting directory."""
    words, places = argv[1:], find_expression.list_found_paths(argv[1:])
    for index, word in enumerate(words):
        if word not in ("-exec", "-execdir", "-ok", "-okdir"):
            continue
        rest = words[index + 1 :]
        end = next((at for at, part in enumerate(rest) if part == ";" or (part == "+" and at)), len(rest))
        for place in _check_word_count(places) if end else ():
            shell.invoke(tuple(part.replace("{}", place) for part in rest[:end]), "find " + word)
    return (limit_length("".join(place + "\n" for place in places)),)


HANDLERS: dict[str, Callable[[SimulatedShell, Argv], Values]] = {
    "env": _simulate_env,
    "command": _simulate_command,
    "which": _simulate_which,
    "type": _simulate_which,
    "whereis": _simulate_which,
    "flock": _simulate_flock,
    "xargs": _simulate_xargs,
    "parallel": _simulate_parallel,
    "find": _simulate_find,
}
