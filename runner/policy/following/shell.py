"""What the parts that look through a program may ask of the shell that is followed."""

from typing import Protocol

from runner.policy import marks
from runner.policy.following.state import State, Values

Argv = tuple[str, ...]
"""A program's words, expanded, its name first."""


class Shell(Protocol):
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

    def text(self, text: str, via: str, *, apart: bool = True, lenient: bool = False) -> Values:
        """Run a shell text, in a shell of its own unless not `apart`; what it prints.

        A `lenient` one may be none: what was only taken for a command.
        """
        ...

    def remotely(self, text: str, via: str) -> Values:
        """Run a shell text where nothing of this shell is known; what it prints."""
        ...

    def write(self, path: str, content: Values, *, appends: bool) -> None:
        """Note what a file holds from now on; whoever reads from `>(…)` reads it."""
        ...

    def spend(self, steps: int) -> None:
        """Work that was done; TooComplex when it is too much."""
        ...

    def hit(self, rule: str) -> None:
        """A rule is broken by the command at hand."""
        ...


STANDARD_INPUT = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})


def content(shell: Shell, path: str) -> Values:
    """What a file holds, by its resolved path."""
    return shell.stdin if path in STANDARD_INPUT else shell.state.content(path)


def mark_of(values: Values) -> str:
    """The mark for what a program makes of `values`: what is worse comes first."""
    text = "".join(values)
    for mark in (marks.DECODED, marks.SOCKET, marks.REMOTE, marks.UNREAD):
        if mark in text:
            return mark
    return marks.OUTPUT


def name_of(word: str) -> str:
    """The program's name without its directory."""
    return word.rsplit("/", 1)[-1]
