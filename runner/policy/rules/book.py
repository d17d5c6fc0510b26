"""The rules as data: what they say to a person, how severe they are, and when they are broken."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any, get_args

from runner.policy.following import patterns
from runner.policy.following.shell import Argv, Shell
from runner.policy.programs import handlers
from runner.policy.programs.options import Takes
from runner.policy.programs.wrappers import Wrapper
from runner.policy.rules import when
from runner.policy.rules.call import Call
from runner.policy.rules.classes import Classes
from runner.policy.rules.when import RuleFault, When
from runner.policy.verdict import Mode, Severity

VERSION = "2026.11.1"
"""Kept with each run that was judged. Raise it when a command is judged otherwise than before: a test knows."""
TABLES = ("options", "paths", "known", "wrappers")
FILES = ("privilege", "fs", "system", "network", "credentials", "dynamic")
ANY = "*"
MOST_MATCHED = 1024
KINDS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "fat", "ntfs", "f2fs", "exfat", "minix", "msdos", "jfs")


NAME = re.compile(r"[a-z][a-z0-9-]*\.[a-z][a-z0-9.-]*")
FIELDS = frozenset({"severity", "strict", "en", "zh", "when"})
LONGEST_WORDS = 500


def severer(one: Severity, other: Severity) -> Severity:
    return "deny" if "deny" in (one, other) else "warn"


@dataclass(frozen=True, slots=True)
class Rule:
    """`strict` is the severity in strict mode."""

    id: str
    severity: Severity
    strict: Severity
    en: str
    zh: str
    when: tuple[When, ...] = ()

    @classmethod
    def read(cls, name: str, table: Mapping[str, Any]) -> "Rule":
        severity = table.get("severity", "deny")
        conditions = tuple(when.read(condition) for condition in table.get("when", ()))
        return cls(name, severity, table.get("strict", severity), table["en"], table["zh"], conditions)

    @classmethod
    def checked(cls, name: str, table: Any) -> "Rule":
        """Of a table that anybody may have written. Raises RuleFault."""
        if not isinstance(table, Mapping) or not NAME.fullmatch(name):
            raise RuleFault('must be a table with a name such as ["site.no-restarts"]')
        if unknown := set(table) - FIELDS:
            raise RuleFault(f"unknown field {min(unknown)!r}: there are {', '.join(sorted(FIELDS))}")
        if not all(isinstance(table.get(word), str) and 0 < len(table[word]) <= LONGEST_WORDS for word in ("en", "zh")):
            raise RuleFault(f"needs 'en' and 'zh': what it says to people, at most {LONGEST_WORDS} characters each")
        if not {table.get("severity", "deny"), table.get("strict", "deny")} <= set(get_args(Severity)):
            raise RuleFault("'severity' and 'strict' must be \"deny\" or \"warn\"")
        conditions = table.get("when")
        if not isinstance(conditions, list) or not conditions:
            raise RuleFault("needs 'when': a list of conditions")
        for condition in conditions:
            when.check_types(condition)
        return cls.read(name, table)

    @property
    def programs(self) -> tuple[str, ...]:
        return tuple(name for condition in self.when for name in condition.programs)

    def with_more(self, more: "Rule") -> "Rule":
        """Broken also where `more` is, and as severe as the severer of the two."""
        severity, strict = severer(self.severity, more.severity), severer(self.strict, more.strict)
        return replace(self, severity=severity, strict=strict, when=(*self.when, *more.when))

    def severity_in(self, mode: Mode) -> Severity:
        return self.strict if mode == "strict" else self.severity


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """Rules, by their ids and by the programs that they look at; `known` programs are not given commands to run."""

    rules: Mapping[str, Rule]
    by_program: Mapping[str, tuple[tuple[str, When], ...]]
    redirects: tuple[tuple[str, When], ...]
    options: Mapping[str, Takes]
    classes: Classes
    wrappers: Mapping[str, Wrapper]
    known: frozenset[str]
    version: str
    matched: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def replaced(self, **changes: Any) -> "Book":
        return replace(self, **changes)

    def broken(self, name: str, argv: Argv, shell: Shell) -> Iterator[str]:
        """Ids of the rules that running this breaks."""
        conditions = self.by_program.get(name, ()) + self.by_prefix(name)
        if not conditions and (name in self.known or not name.strip()) and not argv[0].startswith("/etc/"):
            return
        call = Call(name, argv[0], argv[1:], shell.state.cwd, shell.stdin, self.takes(name), self.classes)
        for rule, condition in conditions:
            if condition.holds(call):
                yield rule
        for rule, condition in self.by_program[ANY]:
            if (name not in self.known or rule != "privilege.argument") and condition.holds(call):
                yield rule

    def is_inert(self, name: str) -> bool:
        """Whether nothing follows from the program's arguments."""
        inert = name not in self.by_program and name not in self.wrappers
        return inert and (name in handlers.QUIET or (name in self.known and name not in handlers.NAMES))

    def by_prefix(self, name: str) -> tuple[tuple[str, When], ...]:
        """`mkfs.*`."""
        head, dot, _ = name.partition(".")
        return self.by_program.get(f"{head}.*", ()) if dot else ()

    def takes(self, name: str) -> Takes:
        return self.options.get(name) or Takes()

    def redirected(self, path: str, *kinds: str) -> Iterator[str]:
        """What reading from (`read`) or writing to (`write`, `overwrite`, `empty`) a resolved path breaks."""
        found = self.classes.of(path)
        for rule, condition in self.redirects if found else ():
            if condition.redirect in kinds and not found.isdisjoint(condition.paths):
                yield rule

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The programs that matter here whose names the wildcard matches."""
        found = self.matched.get(pattern)
        if found is None:
            names = (*self.by_program, *handlers.NAMES, *self.wrappers)
            spelled = [spelling for name in names for spelling in spellings(name)]
            found = tuple(dict.fromkeys(name for name in spelled if patterns.matches(pattern, name)))
            self.matched.update({pattern: found} if len(self.matched) < MOST_MATCHED else {})
        return found


def spellings(name: str) -> tuple[str, ...]:
    """`mkfs.*` as the programs that there are."""
    return tuple(name.replace(ANY, kind) for kind in KINDS) if name.endswith(".*") else (name,) if name != ANY else ()


@cache
def load() -> Book:
    """The rules of the package, read once."""
    folder = resources.files("runner.policy.rules")
    texts = {name: folder.joinpath(f"{name}.toml").read_text("utf-8") for name in (*FILES, *TABLES)}
    rules = [Rule.read(name, table) for file in FILES for name, table in tomllib.loads(texts[file]).items()]
    return Book(
        **indexed(rules),
        options=options(tomllib.loads(texts["options"])),
        classes=Classes.read(texts["paths"]),
        wrappers=(wrappers := wrappers_in(texts["wrappers"])),
        known=names_in(texts["known"]).union(wrappers, handlers.NAMES, *(rule.programs for rule in rules)),
        version=VERSION,
    )


def wrappers_in(text: str) -> dict[str, Wrapper]:
    return {name: Wrapper.read(table) for name, table in tomllib.loads(text).items()}


def names_in(text: str) -> frozenset[str]:
    return frozenset(tomllib.loads(text)["programs"].split())


def indexed(rules: list[Rule]) -> dict[str, Any]:
    by_program: dict[str, tuple[tuple[str, When], ...]] = {ANY: ()}
    for rule in rules:
        for condition in rule.when:
            for name in condition.programs:
                by_program[name] = (*by_program.get(name, ()), (rule.id, condition))
    redirects = tuple((rule.id, condition) for rule in rules for condition in rule.when if condition.redirect)
    return {"rules": {rule.id: rule for rule in rules}, "by_program": by_program, "redirects": redirects}


def options(table: Mapping[str, Any]) -> dict[str, Takes]:
    single = frozenset(table["single"].split())
    found: dict[str, Takes] = {name: Takes(single=True) for name in single}
    for programs, text in table["values"].items():
        found |= {name: Takes.read(text, single=name in single) for name in programs.split()}
    return found
