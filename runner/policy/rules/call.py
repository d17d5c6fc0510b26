"""A call of a program, in the form that rules test."""

import re
from dataclasses import dataclass
from functools import cached_property

from runner.policy import placeholders
from runner.policy.filesystem import paths
from runner.policy.filesystem.classes import PathClasses
from runner.policy.programs.options import OptionSpec, ParsedArguments, parse_mixed_options
from runner.policy.shell.protocol import Argv
from runner.policy.shell.state import Values

BLANK = re.compile(r"[ \t\n]")
REMOTE = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!//)|\w+://[^/]*")
DATA = re.compile(r"(?:[\w-]+=)?(?:@|file://|<|[\w-]+:)?((?:/|\./|\.\./)?.*)", re.DOTALL)
PATTERN_FIRST = frozenset(
    ["grep", "egrep", "fgrep", "zgrep", "rg", "ag", "ack", "sed", "awk", "gawk", "mawk", "jq", "yq", "perl"]
)
SHORTEST_ABBREVIATION = 4


@dataclass(frozen=True)
class Call:
    """One call of a program: `args` are the words after the name, `stdin` the texts it may read."""

    name: str
    program: str
    args: Argv
    cwd: str
    stdin: Values
    takes: OptionSpec
    classes: PathClasses

    @cached_property
    def parsed_arguments(self) -> ParsedArguments:
        """The options and operands, which may be mixed."""
        return parse_mixed_options(self.args, self.takes)

    @cached_property
    def operands(self) -> Argv:
        return tuple(placeholders.restore_wildcards(word) for word in self.parsed_arguments.rest)

    @cached_property
    def text(self) -> str:
        """The words after the name, each with one blank before it; blanks inside a word become no-break spaces."""
        return "".join(" " + BLANK.sub("\u00a0", placeholders.restore_wildcards(word)) for word in self.args) + " "

    @cached_property
    def words(self) -> str:
        """The operands, joined by blanks."""
        return " ".join(self.operands)

    def has_option(self, options: frozenset[str]) -> bool:
        """True if one of the options is given. Long options may be abbreviated."""
        return any(
            flag in options
            or (len(flag) >= SHORTEST_ABBREVIATION and flag[:2] == "--" and any(o.startswith(flag) for o in options))
            for flag in self.parsed_arguments.flags
        )

    def get_option_values(self, options: frozenset[str]) -> list[str]:
        return [value for name, value in self.parsed_arguments.values if name in options]

    def resolve_path(self, path: str) -> str:
        return paths.resolve_path(path, self.cwd)

    def is_in_class(self, path: str, kinds: frozenset[str]) -> bool:
        """True if the path belongs to one of the classes."""
        return not kinds.isdisjoint(self.classes.classify(self.resolve_path(path)))

    def select_paths(self, at: str) -> Argv:
        """Return the paths at a place: `any` operand, the `first`, `rest`, `target` or `sources`, `args` or `data`."""
        rest = self.parsed_arguments.rest
        into = self.get_option_values(frozenset({"t", "--target-directory"})) if self.name != "rsync" else []
        match at:
            case "first":
                return rest[:1]
            case "rest":
                return rest if "--reference" in self.parsed_arguments.flags else rest[1:]
            case "target":
                return tuple(_strip_host(word) for word in into or rest[-1:])
            case "sources":
                return rest if into else rest[:-1]
            case "args":
                return self.args
            case "data":
                return self.list_data_words()
            case _:
                return rest

    def list_data_words(self) -> Argv:
        """Return the words that may name input files, without `@`, `file://` or `name=` before the path."""
        words = self.args
        if self.name in PATTERN_FIRST and not self.has_option(
            frozenset({"e", "f", "--regexp", "--file", "--expression"})
        ):
            rest = self.parsed_arguments.rest
            words = rest[1:]
        return tuple(found[1] if (found := DATA.fullmatch(word)) else word for word in words if word)


def _strip_host(path: str) -> str:
    """Return the path without `user@host:` before it."""
    found = REMOTE.match(path)
    return path[found.end() :] or "." if found else path
