"""What is known of the shell while its text is followed: variables, functions, aliases, files, the directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runner.policy import placeholders
from runner.policy.grammar.syntax import Command

Values = tuple[str, ...]
"""The texts that something may be, at least one. A text may hold marks."""

NOTHING: Values = ("",)
MOST_VALUES = 256
MOST_JOINED = 64
LONGEST_VALUE = 8_192
UNSET: Values = ("", placeholders.UNKNOWN)
"""Of a variable that the text does not set: nothing, or what the server's login gives it."""
UNKNOWN: Values = (placeholders.UNKNOWN,)
HIDDEN: Values = (placeholders.DECODED,)
SET_BY_LOGIN: Mapping[str, Values] = {
    "HOME": (placeholders.HOME,),
    "USER": (placeholders.USER,),
    "LOGNAME": (placeholders.USER,),
    "PATH": ("/" + placeholders.UNKNOWN,),
    "OLDPWD": ("/" + placeholders.UNKNOWN,),
    "SHELL": ("/bin/sh",),
    "BASH": ("/bin/bash",),
    "IFS": (" \t\n",),
    "0": ("sh",),
    **dict.fromkeys(
        (
            *(
                "HOSTNAME",
                "UID",
                "EUID",
                "RANDOM",
                "SRANDOM",
                "SECONDS",
                "EPOCHSECONDS",
                "PPID",
                "LINENO",
                "LANG",
                "TERM",
            ),
            *("BASHPID", "BASH_VERSION", "HOSTTYPE", "OSTYPE", "MACHTYPE", "OPTIND", "SHLVL", "?", "$", "!", "-", "#"),
        ),
        UNKNOWN,
    ),
}


def merge_values(*several: Values) -> Values:
    """Every text that one of them may be; when there are too many, they are as one that cannot be read."""
    found = tuple(dict.fromkeys(value for values in several for value in values))
    return found if len(found) <= MOST_VALUES else HIDDEN


def concatenate_values(first: Values, second: Values) -> Values:
    """One text after the other; of many combinations, a mark."""
    if second == NOTHING:
        return first
    if len(first) * len(second) > MOST_JOINED:
        return HIDDEN
    return tuple(dict.fromkeys(limit_length(one + more) for one in first for more in second))


def limit_length(value: str) -> str:
    """A text that is too long to be followed is as one that cannot be read."""
    return value if len(value) <= LONGEST_VALUE else placeholders.DECODED


@dataclass(slots=True)
class State:
    """`arrays` hold their elements by index or key; `references` name what a `declare -n` name stands for.

    `files` hold what the text wrote, `sinks` who reads what is written to `>(…)`, `sockets` the descriptors of
    connections, `traps` what runs when the shell ends and where it was set.
    """

    variables: dict[str, Values] = field(default_factory=dict)
    arrays: dict[str, dict[str, Values]] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Command] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    files: dict[str, Values] = field(default_factory=dict)
    sinks: dict[str, Command] = field(default_factory=dict)
    sockets: set[str] = field(default_factory=set)
    traps: list[tuple[str, tuple[int, int]]] = field(default_factory=list)
    positional: tuple[str, ...] | None = ()
    cwd: str = placeholders.UNKNOWN
    nounset: bool = False

    def copy(self) -> "State":
        """For a subshell: what it changes stays in it, but for files."""
        return replace(
            self,
            variables=dict(self.variables),
            arrays={name: dict(elements) for name, elements in self.arrays.items()},
            references=dict(self.references),
            functions=dict(self.functions),
            aliases=dict(self.aliases),
            traps=[],
        )

    def build_remote_state(self) -> "State":
        """Of a shell on another host: it knows nothing of this one."""
        return State(positional=())

    def write_file(self, path: str, content: Values, *, appends: bool) -> None:
        """What a file holds from now on."""
        self.files[path] = concatenate_values(self.files.get(path, NOTHING), content) if appends else content

    def read_file(self, path: str) -> Values:
        """What a file holds."""
        return NOTHING if path == "/dev/null" else self.files.get(path, (placeholders.OUTPUT,))

    def get_variable(self, name: str) -> Values:
        name = self.references.get(name, name)
        if name.isdigit() and name != "0":
            return self.get_argument(int(name))
        if name == "PWD":
            return (self.cwd,)
        if (found := self.variables.get(name)) is not None:
            return found
        if elements := self.arrays.get(name):
            return elements.get("0", next(iter(elements.values())))
        return SET_BY_LOGIN.get(name, UNKNOWN if self.nounset else UNSET)

    def get_argument(self, number: int) -> Values:
        if self.positional is None:
            return UNKNOWN
        if number <= len(self.positional):
            return (self.positional[number - 1],)
        return UNKNOWN if self.nounset else NOTHING

    def get_all_arguments(self) -> tuple[str, ...]:
        return UNKNOWN if self.positional is None else self.positional

    def get_elements(self, name: str) -> tuple[Values, ...]:
        """Of an array; of a plain variable its value."""
        name = self.references.get(name, name)
        if name in self.arrays:
            return tuple(self.arrays[name].values())
        return (self.variables.get(name, UNKNOWN),)

    def get_element(self, name: str, index: str) -> Values:
        """Any of them if the index is not known."""
        name = self.references.get(name, name)
        elements = self.arrays.get(name)
        if elements is None:
            return self.get_variable(name) if index in ("0", "") else UNSET
        if index.startswith("-") and index[1:].isdigit():
            return tuple(elements.values())[-int(index[1:])] if 0 < int(index[1:]) <= len(elements) else NOTHING
        if index in elements:
            return elements[index]
        return merge_values(*elements.values(), NOTHING) if elements and not placeholders.is_known(index) else UNSET

    def merge_variables(self, other: dict[str, Values]) -> None:
        """Variables may also be what they were in `other`."""
        for name, values in other.items():
            now = self.variables.get(name)
            self.variables[name] = values if now is None or now is values else merge_values(now, values)
