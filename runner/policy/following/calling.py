"""Follows what a command word names besides a program: functions, aliases, and programs that a wildcard may name."""

from typing import Protocol

from runner.policy import marks
from runner.policy.following import bombs
from runner.policy.following.redirects import Following
from runner.policy.following.shell import Argv, mark_of, name_of
from runner.policy.following.state import HIDDEN, NOTHING, Values, merged
from runner.policy.grammar.syntax import Function
from runner.policy.rules import paths

MOST_CALLS = 12
"""How deep functions, aliases and texts may be within each other before they are taken as hidden."""
MOST_AGAIN = 2
MOST_CANDIDATES = 16


class Candidates(Protocol):
    def matching(self, pattern: str) -> tuple[str, ...]: ...


class Calling(Following, Protocol):
    calling: tuple[str, ...]
    called: set[str]
    span: tuple[int, int]
    fixed: bool

    @property
    def found(self) -> int:
        """How many rules are broken so far."""
        ...

    @property
    def names(self) -> Candidates: ...

    def program(self, argv: Argv) -> Values: ...


def define(shell: Calling, command: Function) -> Values:
    shell.state.functions[command.name] = command.body
    shell.called.discard(command.name)
    if bombs.forks(command):
        shell.span = shell.span if shell.fixed else (command.start, command.end)
        shell.hit("system.fork-bomb")
    return NOTHING


def call(shell: Calling, argv: Argv) -> Values:
    """A function; one that calls itself is followed twice."""
    name, body = argv[0], shell.state.functions[argv[0]]
    shell.called.add(name)
    if shell.calling.count(name) >= MOST_AGAIN:
        return (marks.OUTPUT,)
    if len(shell.calling) >= MOST_CALLS:
        shell.hit("dynamic.hidden-code")
        return HIDDEN
    shell.spend(6)
    before = (shell.state.positional, shell.calling, shell.via)
    shell.state.positional, shell.calling, shell.via = argv[1:], (*shell.calling, name), (*shell.via, name)
    output = shell.run(body)
    shell.state.positional, shell.calling, shell.via = before
    return output


def script(shell: Calling, texts: Values, argv: Argv) -> Values:
    """Run a file that the text wrote."""
    before, shell.state.positional = shell.state.positional, argv[1:]
    found = merged(*(shell.text(text, name_of(argv[0])) for text in texts))
    shell.state.positional = before
    return found


def alias(shell: Calling, argv: Argv) -> Values:
    """The alias's text and the other words; one that ends with a blank lets the next word be an alias too."""
    text, rest = shell.state.aliases[argv[0]], argv[1:]
    if text[-1:] in (" ", "\t") and rest and rest[0] in shell.state.aliases:
        text, rest = text + shell.state.aliases[rest[0]], rest[1:]
    return shell.text(text + "".join(f" {quote(word)}" for word in rest), "alias " + argv[0], apart=False)


def quote(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def may_hold_programs(folder: str, cwd: str) -> bool:
    """Whether the system's programs may be there. `/srv/hooks/*` is not where sudo lies."""
    path = paths.resolved(folder or ".", cwd)
    if not path.startswith("/") or marks.WILD.search(path) or not marks.known(path):
        return folder in ("", ".") or folder.endswith(("bin", "..")) or marks.WILD.search(folder) is not None
    return path.endswith("bin") or path == "/"


def wild(shell: Calling, argv: Argv) -> Values:
    """The program is any whose name the wildcard matches."""
    count = shell.found
    folder = argv[0].rpartition("/")[0]
    candidates = shell.names.matching(name_of(argv[0])) if may_hold_programs(folder, shell.state.cwd) else ()
    for name in candidates[:MOST_CANDIDATES]:
        shell.program((name, *argv[1:]))
    if len(candidates) > MOST_CANDIDATES or shell.found > count:
        shell.hit("dynamic.glob-command")
    return (mark_of(shell.stdin),)
