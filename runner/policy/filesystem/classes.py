"""Classes of paths that rules name: a protected directory, a disk, an account file."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.policy import placeholders
from runner.policy.filesystem import globs
from runner.policy.filesystem.paths import HOME_PATH

EVERYTHING = re.compile(
    f"(?:[{placeholders.STAR}]|\\.[{placeholders.STAR}]|\\.{placeholders.BRACKET}[!^]\\.\\]|{placeholders.QUERY})+\\Z|\\.[{placeholders.QUERY}]+[{placeholders.STAR}]\\Z"
)
"""Matches a last path component that stands for all, or nearly all, entries of a directory."""
REMEMBERED = 4096
FOLLOWING = frozenset({"contents", "found", "found-root"})
"""Classes that are derived from others and have no patterns of their own."""


@dataclass(frozen=True, slots=True)
class PathClass:
    """A named class of paths.

    `contents`: a wildcard for all entries of a member directory counts as the directory, except in `scratch`
    directories. `known`: a path must be fully known to match.
    """

    patterns: tuple[tuple[str, ...], ...]
    regex: re.Pattern[str]
    contents: bool
    known: bool
    scratch: frozenset[str]

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> "PathClass":
        patterns = tuple(
            whole for pattern in table["paths"].split() for whole in globs.split_braces(_expand_home(pattern))
        )
        regex = re.compile("|".join(map(globs.build_regex, patterns)), re.DOTALL)
        scratch = frozenset(table.get("scratch", "").split())
        return cls(
            tuple(tuple(pattern.split("/")) for pattern in patterns),
            regex,
            table.get("contents", False),
            table.get("known", False),
            scratch,
        )

    def contains(self, path: str) -> bool:
        """True if the resolved path is in the class, or may be because of its wildcards."""
        parent, _, last = path.rpartition("/")
        if self.contents and EVERYTHING.match(last):
            return (parent or "/") not in self.scratch and self.contains(parent or "/")
        if self.known and not placeholders.is_known(path):
            return False
        if self.regex.fullmatch(path):
            return True
        if placeholders.WILD.search(path) is None:
            return False
        ours = globs.split_path(path)
        return any(globs.may_overlap(ours, pattern) for pattern in self.patterns)


def _expand_home(pattern: str) -> str:
    return HOME_PATH + pattern[1:] if pattern.startswith("~") else pattern.replace("{~,", "{" + HOME_PATH + ",")


@dataclass(frozen=True, slots=True)
class PathClasses:
    by_name: Mapping[str, PathClass]
    remembered: dict[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "PathClasses":
        return cls({name: PathClass.parse(table) for name, table in tomllib.loads(text).items()})

    @property
    def names(self) -> frozenset[str]:
        return FOLLOWING.union(self.by_name)

    def classify(self, path: str) -> frozenset[str]:
        """Return the names of the classes that a resolved path belongs to."""
        found = self.remembered.get(path)
        if found is None:
            found = self._classify(path) if path.startswith("/") else frozenset()
            if len(self.remembered) >= REMEMBERED:
                self.remembered.clear()
            self.remembered[path] = found
        return found

    def _classify(self, path: str) -> frozenset[str]:
        parent, _, last = path.rpartition("/")
        found = {name for name, kind in self.by_name.items() if kind.contains(path)}
        if EVERYTHING.match(last) and found & {"protected", "home"}:
            found |= {"contents"}
        if last == placeholders.FOUND:
            around = self.classify((parent or "/") + ("/" if parent else "") + placeholders.STAR)
            found |= {"found"} if around & {"protected", "home"} else set()
            found |= {"found-root"} if "root" in around else set()
        return frozenset(found)
