"""Functions that multiply, and shells that are given to a connection: what only the tree shows."""

from collections.abc import Iterator

from runner.policy.following.shell import name_of
from runner.policy.grammar.syntax import (
    Block,
    Branch,
    Case,
    Chain,
    Command,
    For,
    Function,
    Loop,
    Parameter,
    Pipeline,
    Redirected,
    Sequence,
    Simple,
    Word,
)
from runner.policy.tables import words

NETWORK = words("s_client nc ncat netcat nc.traditional nc.openbsd telnet socat")
SHELLS = words("sh bash dash ash zsh ksh")


def forks(function: Function) -> bool:
    """Whether a function calls itself in a pipeline or in the background, or twice: a fork bomb."""
    return sum(weights(function.body, function.name, False)) >= 2


def restarts(command: Command) -> bool:
    """Whether a script starts itself in the background, or twice: `$0 & $0`."""
    return sum(weights(command, "$0", False)) >= 2


def weights(command: Command, name: str, apart: bool) -> Iterator[int]:
    match command:
        case Simple():
            if command.words and called(command.words[0]) == name:
                yield 2 if apart else 1
        case Pipeline():
            for inner in command.commands:
                yield from weights(inner, name, True)
        case Sequence():
            for place, inner in enumerate(command.commands):
                yield from weights(inner, name, apart or place in command.background)
        case _:
            for inner in inside(command):
                yield from weights(inner, name, apart)


def called(word: Word) -> str | None:
    if len(word.parts) == 1 and isinstance(part := word.parts[0], Parameter) and part.name == "0":
        return "$0"
    return word.bare


def inside(command: Command) -> tuple[Command, ...]:
    match command:
        case Block() | For():
            return (command.body,)
        case Loop():
            return (command.condition, command.body)
        case Chain():
            return (command.first, *(inner for _, inner in command.rest))
        case Branch():
            return (*command.conditions, *command.bodies)
        case Case():
            return command.bodies
        case Redirected():
            return (command.command,)
        case _:
            return ()


def exposes(command: Pipeline) -> bool:
    """Whether a shell that reads commands stands next to a program that talks to the network."""
    names = [bare_name(inner) for inner in command.commands]
    shells = [place for place, name in enumerate(names) if name in SHELLS and reads(command.commands[place])]
    return any(place + 1 < len(names) and names[place + 1] in NETWORK for place in shells)


def bare_name(command: Command) -> str:
    if isinstance(command, Redirected):
        return bare_name(command.command)
    words = command.words[:2] if isinstance(command, Simple) else ()
    first, second = [*[word.bare or "" for word in words], "", ""][:2]
    return second if second == "s_client" else name_of(first)


def reads(command: Command) -> bool:
    """Whether a shell has no text or script of its own."""
    found = command.words[1:] if isinstance(command, Simple) else ()
    return all((word.bare or "").startswith("-") and "c" not in (word.bare or "") for word in found)
