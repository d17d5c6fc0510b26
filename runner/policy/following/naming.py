"""Command words that do not say plainly what they run, and functions that multiply."""

from collections.abc import Iterator

from runner.policy import marks
from runner.policy.following import patterns
from runner.policy.grammar.syntax import (
    Block,
    Branch,
    Chain,
    Command,
    For,
    Function,
    Loop,
    Part,
    Pipeline,
    Redirected,
    Sequence,
    Simple,
    Substitution,
)
from runner.policy.tables import words

UNKNOWN_TEXT = {marks.DECODED: "dynamic.hidden-code", marks.REMOTE: "remote.pipe-to-shell"}
"""The rule for a text that is not known and is run as code, by its mark; `dynamic.code` for the others."""
RESTRICTED = words(
    "sudo su doas pkexec run0 runuser sudoedit setpriv capsh newgrp sg chroot nsenter unshare machinectl"
    " systemd-run visudo setcap dd mkfs mkfs.ext4 mkfs.xfs wipefs fdisk sfdisk parted mkswap shred rm chmod"
    " chown shutdown reboot halt poweroff init telinit kill killall5 kexec insmod rmmod modprobe iptables nft"
    " passwd chpasswd bash sh dash zsh nc ncat python3 python perl"
)
"""Programs that a wildcard must not stand for."""


def rule(name: str, parts: tuple[Part, ...]) -> str | None:
    """The rule that a command word breaks by itself. `parts` are those of the word, if it stands in the text."""
    base = name.rsplit("/", 1)[-1]
    if marks.TEXT.search(base) is not None:
        return unknown(name, base, parts)
    if marks.WILD.search(name) is not None and len(name) > 1:
        return "dynamic.glob-command" if could_name(base) else None
    return None


def unknown(name: str, base: str, parts: tuple[Part, ...]) -> str:
    if (mark := marks.TEXT.search(base)) and mark.group() in UNKNOWN_TEXT:
        return UNKNOWN_TEXT[mark.group()]
    if any(isinstance(part, Substitution) for part in parts):
        return "dynamic.command-substitution"
    if marks.OUTPUT in base:
        return "dynamic.command-name" if parts and "/" in name else output_rule(parts)
    return "dynamic.command-name"


def output_rule(parts: tuple[Part, ...]) -> str:
    """A word of the text that a variable holds, or text that some program printed and a shell reads."""
    plain = all(type(part).__name__ == "Literal" for part in parts)
    return "dynamic.code" if plain else "dynamic.command-substitution"


def could_name(pattern: str) -> bool:
    if not marks.WILD.sub("", pattern).strip("."):
        return True
    return any(patterns.matches(pattern, name) for name in RESTRICTED)


def forks(function: Function) -> bool:
    """Whether a function calls itself in a pipeline or in the background, or twice: a fork bomb."""
    return sum(weights(function.body, function.name, False)) >= 2


def weights(command: Command, name: str, apart: bool) -> Iterator[int]:
    match command:
        case Simple():
            if command.words and command.words[0].bare == name:
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
        case Redirected():
            return (command.command,)
        case _:
            return ()
