"""Interprets command words that name a function, an alias, or a program by a wildcard."""

from typing import Protocol

from runner.policy import placeholders
from runner.policy.filesystem import paths
from runner.policy.grammar.syntax import Function
from runner.policy.interpreter import bombs
from runner.policy.interpreter.redirects import ExpandingShell
from runner.policy.shell.protocol import Argv, choose_placeholder, get_program_name
from runner.policy.shell.state import HIDDEN, NOTHING, Values, merge_values

MOST_CALLS = 12
"""The deepest nesting of functions, aliases and texts; what is nested deeper counts as hidden code."""
MOST_AGAIN = 2
MOST_CANDIDATES = 16


class ProgramNames(Protocol):
    def find_matching(self, pattern: str) -> tuple[str, ...]: ...


class CallingShell(ExpandingShell, Protocol):
    calling: tuple[str, ...]
    called: set[str]
    span: tuple[int, int]
    fixed: bool

    @property
    def hit_count(self) -> int:
        """The number of rules broken so far."""
        ...

    @property
    def programs(self) -> ProgramNames: ...

    def run_program(self, argv: Argv) -> Values: ...


def define_function(shell: CallingShell, command: Function) -> Values:
    shell.state.functions[command.name] = command.body
    shell.called.discard(command.name)
    if bombs.is_fork_bomb(command):
        shell.span = shell.span if shell.fixed else (command.start, command.end)
        shell.add_hit("system.fork-bomb")
    return NOTHING


def call_function(shell: CallingShell, argv: Argv) -> Values:
    """Call a function; a recursive one is called twice at most."""
    name, body = argv[0], shell.state.functions[argv[0]]
    shell.called.add(name)
    if shell.calling.count(name) >= MOST_AGAIN:
        return (placeholders.OUTPUT,)
    if len(shell.calling) >= MOST_CALLS:
        shell.add_hit("dynamic.hidden-code")
        return HIDDEN
    shell.spend(6)
    before = (shell.state.positional, shell.calling, shell.via)
    shell.state.positional, shell.calling, shell.via = argv[1:], (*shell.calling, name), (*shell.via, name)
    output = shell.run(body)
    shell.state.positional, shell.calling, shell.via = before
    return output


def run_file(shell: CallingShell, texts: Values, argv: Argv) -> Values:
    """Run a file that the text wrote."""
    before, shell.state.positional = shell.state.positional, argv[1:]
    found = merge_values(*(shell.run_text(text, get_program_name(argv[0])) for text in texts))
    shell.state.positional = before
    return found


def run_alias(shell: CallingShell, argv: Argv) -> Values:
    """Run the alias's text with the other words; if it ends with a blank, the next word may be an alias too."""
    text, rest = shell.state.aliases[argv[0]], argv[1:]
    if text[-1:] in (" ", "\t") and rest and rest[0] in shell.state.aliases:
        text, rest = text + shell.state.aliases[rest[0]], rest[1:]
    return shell.run_text(text + "".join(f" {_quote(word)}" for word in rest), "alias " + argv[0], apart=False)


def _quote(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _may_hold_programs(folder: str, cwd: str) -> bool:
    """True if the folder may hold the system's programs; `/srv/hooks/*` cannot name sudo."""
    path = paths.resolve_path(folder or ".", cwd)
    if not path.startswith("/") or placeholders.WILD.search(path) or not placeholders.is_known(path):
        return folder in ("", ".") or folder.endswith(("bin", "..")) or placeholders.WILD.search(folder) is not None
    return path.endswith("bin") or path == "/"


def run_wildcard(shell: CallingShell, argv: Argv) -> Values:
    """Run every program whose name the wildcard matches."""
    count = shell.hit_count
    folder = argv[0].rpartition("/")[0]
    candidates = (
        shell.programs.find_matching(get_program_name(argv[0])) if _may_hold_programs(folder, shell.state.cwd) else ()
    )
    for name in candidates[:MOST_CANDIDATES]:
        shell.run_program((name, *argv[1:]))
    if len(candidates) > MOST_CANDIDATES or shell.hit_count > count:
        shell.add_hit("dynamic.glob-command")
    return (choose_placeholder(shell.stdin),)
