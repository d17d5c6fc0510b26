"""The interface of the simulated shell to the modules that simulate single programs."""

from typing import Protocol

from runner.policy import placeholders
from runner.policy.shell.state import State, Values

Argv = tuple[str, ...]
"""A program's expanded words, its name first."""


class SimulatedShell(Protocol):
    state: State
    stdin: Values
    """The texts that the current program may read from standard input."""
    socket: bool
    """True if the current program reads from or writes to a network connection."""
    via: tuple[str, ...]
    span: tuple[int, int]
    """The span of the current command in the outermost text."""

    def invoke(self, argv: Argv, via: str) -> Values:
        """Run a program that another one starts, and return its output."""
        ...

    def run_text(self, text: str, via: str, *, apart: bool = True, lenient: bool = False) -> Values:
        """Run a shell text and return its output. It gets a shell of its own unless `apart` is False.

        With `lenient`, a text that is no command is ignored: it was only taken for one.
        """
        ...

    def run_remotely(self, text: str, via: str) -> Values:
        """Run a shell text in a shell that knows nothing of this one, and return its output."""
        ...

    def write(self, path: str, content: Values, *, appends: bool) -> None:
        """Write to a file, or to the command that reads from `>(…)`."""
        ...

    def spend(self, steps: int) -> None:
        """Spend steps of the budget. Raises TooComplex when none are left."""
        ...

    def add_hit(self, rule: str) -> None:
        """Report that the current command breaks the rule."""
        ...


STANDARD_INPUT = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})


def read_content(shell: SimulatedShell, path: str) -> Values:
    """Return the contents of a file by its resolved path."""
    return shell.stdin if path in STANDARD_INPUT else shell.state.read_file(path)


def choose_placeholder(values: Values) -> str:
    """Return the placeholder for a program's output from `values`: that of the most dangerous origin among them."""
    text = "".join(values)
    for placeholder in (placeholders.DECODED, placeholders.SOCKET, placeholders.REMOTE, placeholders.UNREAD):
        if placeholder in text:
            return placeholder
    return placeholders.OUTPUT


def get_program_name(word: str) -> str:
    """Return the program's name without its directory."""
    return word.rsplit("/", 1)[-1]
