"""Recognizes fork bombs, and shells connected to the network, by the shape of the syntax tree."""

from collections.abc import Iterator

from runner.policy.grammar.syntax import (
    Block,
    Branch,
    Case,
    Chain,
    Command,
    ForLoop,
    Function,
    Parameter,
    Pipeline,
    RedirectedCommand,
    Sequence,
    Simple,
    WhileLoop,
    Word,
)
from runner.policy.shell.protocol import get_program_name
from runner.policy.tables import split_names

NETWORK = split_names("s_client nc ncat netcat nc.traditional nc.openbsd telnet socat")
SHELLS = split_names("sh bash dash ash zsh ksh")


def is_fork_bomb(function: Function) -> bool:
    """True if a function calls itself twice, in a pipeline, or in the background."""
    return sum(_weigh_calls(function.body, function.name, False)) >= 2


def restarts_itself(command: Command) -> bool:
    """True if a script starts itself twice or in the background: `$0 & $0`."""
    return sum(_weigh_calls(command, "$0", False)) >= 2


def _weigh_calls(command: Command, name: str, apart: bool) -> Iterator[int]:
    match command:
        case Simple():
            if command.words and _find_called_name(command.words[0]) == name:
                yield 2 if apart else 1
        case Pipeline():
            for inner in command.commands:
                yield from _weigh_calls(inner, name, True)
        case Sequence():
            for place, inner in enumerate(command.commands):
                yield from _weigh_calls(inner, name, apart or place in command.background)
        case _:
            for inner in _list_inner_commands(command):
                yield from _weigh_calls(inner, name, apart)


def _find_called_name(word: Word) -> str | None:
    if len(word.parts) == 1 and isinstance(part := word.parts[0], Parameter) and part.name == "0":
        return "$0"
    return word.bare


def _list_inner_commands(command: Command) -> tuple[Command, ...]:
    match command:
        case Block() | ForLoop():
            return (command.body,)
        case WhileLoop():
            return (command.condition, command.body)
        case Chain():
            return (command.first, *(inner for _, inner in command.rest))
        case Branch():
            return (*command.conditions, *command.bodies)
        case Case():
            return command.bodies
        case RedirectedCommand():
            return (command.command,)
        case _:
            return ()


def exposes_shell(command: Pipeline) -> bool:
    """True if a shell that reads commands stands next to a network program in the pipeline."""
    names = [_find_bare_name(inner) for inner in command.commands]
    shells = [place for place, name in enumerate(names) if name in SHELLS and _reads_commands(command.commands[place])]
    return any(place + 1 < len(names) and names[place + 1] in NETWORK for place in shells)


def _find_bare_name(command: Command) -> str:
    if isinstance(command, RedirectedCommand):
        return _find_bare_name(command.command)
    words = command.words[:2] if isinstance(command, Simple) else ()
    first, second = [*[word.bare or "" for word in words], "", ""][:2]
    return second if second == "s_client" else get_program_name(first)


def _reads_commands(command: Command) -> bool:
    """True if a shell has no command text or script of its own."""
    found = command.words[1:] if isinstance(command, Simple) else ()
    return all((word.bare or "").startswith("-") and "c" not in (word.bare or "") for word in found)
