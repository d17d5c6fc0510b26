"""What is known of the shell while its text is followed: variables, functions, aliases, files, the directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runner.policy import marks
from runner.policy.grammar.syntax import Command

Values = tuple[str, ...]
"""The texts that something may be, at least one. A text may hold marks."""

MOST_VALUES = 64
LONGEST_VALUE = 8_192
UNSET: Values = ("", marks.UNKNOWN)
SET_BY_LOGIN: Mapping[str, Values] = {
    "HOME": (marks.HOME,),
    "USER": (marks.UNKNOWN,),
    "LOGNAME": (marks.UNKNOWN,),
    "PATH": (marks.UNKNOWN,),
    "HOSTNAME": (marks.UNKNOWN,),
    "SHELL": ("/bin/bash", "/bin/sh"),
    "BASH": ("/bin/bash",),
    "IFS": (" \t\n",),
    "UID": (marks.UNKNOWN,),
    "EUID": (marks.UNKNOWN,),
    "RANDOM": (marks.UNKNOWN,),
    "SECONDS": (marks.UNKNOWN,),
    "PPID": (marks.UNKNOWN,),
    "?": (marks.UNKNOWN,),
    "$": (marks.UNKNOWN,),
    "!": (marks.UNKNOWN,),
    "-": (marks.UNKNOWN,),
    "0": ("sh",),
}


def merged(*several: Values) -> Values:
    """Every text that one of them may be."""
    return tuple(dict.fromkeys(value for values in several for value in values))[:MOST_VALUES]


@dataclass(slots=True)
class State:
    variables: dict[str, Values] = field(default_factory=dict)
    arrays: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functions: dict[str, Command] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    files: dict[str, Values] = field(default_factory=dict)
    positional: tuple[str, ...] | None = ()
    cwd: str = marks.HOME

    def copy(self) -> "State":
        """For a subshell: what it changes stays in it."""
        return replace(
            self,
            variables=dict(self.variables),
            arrays=dict(self.arrays),
            functions=dict(self.functions),
            aliases=dict(self.aliases),
        )

    def value(self, name: str) -> Values:
        if name.isdigit() and name != "0":
            return self.argument(int(name))
        if name == "PWD":
            return (self.cwd,)
        if (found := self.variables.get(name)) is not None:
            return found
        if name in self.arrays:
            return self.arrays[name][:1] or ("",)
        return SET_BY_LOGIN.get(name, UNSET)

    def argument(self, number: int) -> Values:
        if self.positional is None:
            return (marks.UNKNOWN,)
        return (self.positional[number - 1],) if number <= len(self.positional) else ("",)

    def all_arguments(self) -> tuple[str, ...]:
        return (marks.UNKNOWN,) if self.positional is None else self.positional

    def elements(self, name: str) -> tuple[str, ...]:
        """Of an array; of a plain variable its value."""
        if name in self.arrays:
            return self.arrays[name]
        return self.variables.get(name, (marks.UNKNOWN,))

    def join(self, other: dict[str, Values]) -> None:
        """Variables may also be what they were in `other`."""
        for name, values in other.items():
            now = self.variables.get(name, values)
            self.variables[name] = merged(now, values)
