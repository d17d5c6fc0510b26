"""What the parts that look through a program may ask of the shell that is followed."""

from typing import Protocol

from runner.policy import placeholders
from runner.policy.shell.state import State, Values

Argv = tuple[str, ...]
"""A program's words, expanded, its name first."""


class SimulatedShell(Protocol):
    state: State
    stdin: Values
    """What the program at hand could read."""
    socket: bool
    """Whether it reads from or writes to a network connection."""
    via: tuple[str, ...]
    span: tuple[int, int]
    """Where the command at hand stands in the outermost text."""

    def invoke(self, argv: Argv, via: str) -> Values:
        """Run a program that another one was given; what it prints."""
        ...

    def run_text(self, text: str, via: str, *, apart: bool = True, lenient: bool = False) -> Values:
        """Run a shell text, in a shell of its own unless not `apart`; what it prints.

        A `lenient` one may be none: what was only taken for a command.
        """
        ...

    def run_remotely(self, text: str, via: str) -> Values:
        """Run a shell text where nothing of this shell is known; what it prints."""
        ...

    def write(self, path: str, content: Values, *, appends: bool) -> None:
        """Note what a file holds from now on; whoever reads from `>(…)` reads it."""
        ...

    def spend(self, steps: int) -> None:
        """Work that was done; TooComplex when it is too much."""
        ...

    def add_hit(self, rule: str) -> None:
        """A rule is broken by the command at hand."""
        ...


STANDARD_INPUT = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})


def content(shell: SimulatedShell, path: str) -> Values:
    """What a file holds, by its resolved path."""
    return shell.stdin if path in STANDARD_INPUT else shell.state.read_file(path)


def choose_placeholder(values: Values) -> str:
    """The mark for what a program makes of `values`: what is worse comes first."""
    text = "".join(values)
    for mark in (placeholders.DECODED, placeholders.SOCKET, placeholders.REMOTE, placeholders.UNREAD):
        if mark in text:
            return mark
    return placeholders.OUTPUT


def get_program_name(word: str) -> str:
    """The program's name without its directory."""
    return word.rsplit("/", 1)[-1]
