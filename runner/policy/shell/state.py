"""The state of the simulated shell: variables, functions, aliases, files, the working directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runner.policy import placeholders
from runner.policy.grammar.syntax import Command

Values = tuple[str, ...]
"""The alternative texts of a value, at least one. A text may hold placeholders."""

NOTHING: Values = ("",)
MOST_VALUES = 256
MOST_JOINED = 64
LONGEST_VALUE = 8_192
UNSET: Values = ("", placeholders.UNKNOWN)
"""The value of a variable that the text does not set: empty, or whatever the login set it to."""
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
    """Return all alternatives together; too many of them become one that cannot be read."""
    found = tuple(dict.fromkeys(value for values in several for value in values))
    return found if len(found) <= MOST_VALUES else HIDDEN


def concatenate_values(first: Values, second: Values) -> Values:
    """Return every combination of the two texts; too many of them become one that cannot be read."""
    if second == NOTHING:
        return first
    if len(first) * len(second) > MOST_JOINED:
        return HIDDEN
    return tuple(dict.fromkeys(limit_length(one + more) for one in first for more in second))


def limit_length(value: str) -> str:
    """Return the text, or the placeholder DECODED if it is too long to be interpreted."""
    return value if len(value) <= LONGEST_VALUE else placeholders.DECODED


@dataclass(slots=True)
class State:
    """Variables, functions, files and more of the simulated shell.

    `arrays` hold their elements by index or key; `references` map a `declare -n` name to the variable it refers to.
    `files` hold the contents that the text wrote, `readers` the commands that read from `>(…)`, `sockets` the
    descriptors of connections, `traps` the texts that run when the shell ends and where they were set.
    """

    variables: dict[str, Values] = field(default_factory=dict)
    arrays: dict[str, dict[str, Values]] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Command] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    files: dict[str, Values] = field(default_factory=dict)
    readers: dict[str, Command] = field(default_factory=dict)
    sockets: set[str] = field(default_factory=set)
    traps: list[tuple[str, tuple[int, int]]] = field(default_factory=list)
    positional: tuple[str, ...] | None = ()
    cwd: str = placeholders.UNKNOWN
    nounset: bool = False

    def copy(self) -> "State":
        """Return a copy for a subshell. Its changes stay in it, except for those to files."""
        return replace(
            self,
            variables=dict(self.variables),
            arrays={name: dict(elements) for name, elements in self.arrays.items()},
            references=dict(self.references),
            functions=dict(self.functions),
            aliases=dict(self.aliases),
            traps=[],
        )

    def write_file(self, path: str, content: Values, *, appends: bool) -> None:
        """Set the contents of a file, or append to them."""
        self.files[path] = concatenate_values(self.files.get(path, NOTHING), content) if appends else content

    def read_file(self, path: str) -> Values:
        """Return the contents of a file: what the text wrote to it, else a placeholder."""
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
        """Return the elements of an array, or the value of a plain variable."""
        name = self.references.get(name, name)
        if name in self.arrays:
            return tuple(self.arrays[name].values())
        return (self.variables.get(name, UNKNOWN),)

    def get_element(self, name: str, index: str) -> Values:
        """Return an element of an array; any of them if the index is not known."""
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
        """Add the values in `other` to the alternatives of each variable."""
        for name, values in other.items():
            now = self.variables.get(name)
            self.variables[name] = values if now is None or now is values else merge_values(now, values)
