"""A program that would run, as the rules look at it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runner.policy import marks
from runner.policy.following.shell import Argv
from runner.policy.following.state import Values
from runner.policy.programs.options import Parsed, Takes, anywhere
from runner.policy.rules import paths

Rules = Iterator[str]
"""Ids of rules that are broken."""


@dataclass(frozen=True, slots=True)
class Call:
    """`args` are the words after the name, `stdin` what it could read."""

    name: str
    path: str
    args: Argv
    cwd: str
    stdin: Values

    def options(self, short: str = "", long: str = "", *, single: bool = False) -> Parsed:
        """Options, of which these take a value; operands may stand among them."""
        return anywhere(self.args, Takes(short, frozenset(long.split()), single))

    def resolved(self, path: str) -> str:
        return paths.resolved(path, self.cwd)

    def is_device(self, path: str) -> bool:
        return paths.any_of(paths.DEVICE, self.resolved(path))

    def is_account(self, path: str) -> bool:
        return paths.any_of(paths.ACCOUNT, self.resolved(path))

    def is_shadow(self, path: str) -> bool:
        return paths.any_of(paths.SHADOW, self.resolved(path))

    def plain_args(self) -> Argv:
        return tuple(marks.plain(word) for word in self.args)

    def says(self, pattern: str) -> bool:
        """Whether its words, joined by blanks, match from the beginning."""
        return re.match(pattern, " ".join(self.plain_args())) is not None
