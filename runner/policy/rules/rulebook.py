"""The rules as data: their messages, their severities, and the conditions that break them."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any, get_args

from runner.policy.expansion import patterns
from runner.policy.filesystem.classes import PathClasses
from runner.policy.programs import handlers
from runner.policy.programs.options import OptionSpec
from runner.policy.programs.wrappers import Wrapper
from runner.policy.rules import when
from runner.policy.rules.call import Call
from runner.policy.rules.when import Condition, RuleFault
from runner.policy.shell.protocol import Argv, SimulatedShell
from runner.policy.verdict import Mode, Severity

VERSION = "2026.11.1"
"""Stored with each run. Raise it when a command gets another verdict than before; a test compares verdicts."""
TABLES = ("options", "paths", "known", "wrappers")
FILES = ("privilege", "fs", "system", "network", "credentials", "dynamic")
ANY = "*"
MOST_MATCHED = 1024
KINDS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "fat", "ntfs", "f2fs", "exfat", "minix", "msdos", "jfs")


NAME = re.compile(r"[a-z][a-z0-9-]*\.[a-z][a-z0-9.-]*")
FIELDS = frozenset({"severity", "strict", "en", "zh", "when"})
LONGEST_WORDS = 500


def _choose_severer(one: Severity, other: Severity) -> Severity:
    return "deny" if "deny" in (one, other) else "warn"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its messages, its severity (`strict` is that in strict mode) and its conditions."""

    id: str
    severity: Severity
    strict: Severity
    en: str
    zh: str
    when: tuple[Condition, ...] = ()

    @classmethod
    def parse(cls, name: str, table: Mapping[str, Any]) -> "Rule":
        severity = table.get("severity", "deny")
        conditions = tuple(when.parse_condition(condition) for condition in table.get("when", ()))
        return cls(name, severity, table.get("strict", severity), table["en"], table["zh"], conditions)

    @classmethod
    def parse_untrusted(cls, name: str, table: Any) -> "Rule":
        """Parse a rule that an admin wrote. Raises RuleFault."""
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
        return cls.parse(name, table)

    @property
    def programs(self) -> tuple[str, ...]:
        return tuple(name for condition in self.when for name in condition.programs)

    def with_more(self, more: "Rule") -> "Rule":
        """Return the rule with the conditions of `more` added and the higher of the two severities."""
        severity, strict = _choose_severer(self.severity, more.severity), _choose_severer(self.strict, more.strict)
        return replace(self, severity=severity, strict=strict, when=(*self.when, *more.when))

    def get_severity(self, mode: Mode) -> Severity:
        return self.strict if mode == "strict" else self.severity


@dataclass(frozen=True, slots=True, eq=False)
class Rulebook:
    """Rules by id and by program. `known` names the programs that do not run commands from their arguments."""

    rules: Mapping[str, Rule]
    by_program: Mapping[str, tuple[tuple[str, Condition], ...]]
    redirects: tuple[tuple[str, Condition], ...]
    options: Mapping[str, OptionSpec]
    classes: PathClasses
    wrappers: Mapping[str, Wrapper]
    known: frozenset[str]
    version: str
    matched: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def with_changes(self, **changes: Any) -> "Rulebook":
        return replace(self, **changes)

    def find_broken_rules(self, name: str, argv: Argv, shell: SimulatedShell) -> Iterator[str]:
        """Yield the ids of the rules that this call breaks."""
        conditions = self.by_program.get(name, ()) + self.find_by_prefix(name)
        if not conditions and (name in self.known or not name.strip()) and not argv[0].startswith("/etc/"):
            return
        call = Call(name, argv[0], argv[1:], shell.state.cwd, shell.stdin, self.get_option_spec(name), self.classes)
        for rule, condition in conditions:
            if condition.holds(call):
                yield rule
        for rule, condition in self.by_program[ANY]:
            if (name not in self.known or rule != "privilege.argument") and condition.holds(call):
                yield rule

    def is_inert(self, name: str) -> bool:
        """True if no rule and no simulation depends on the program's arguments."""
        inert = name not in self.by_program and name not in self.wrappers
        return inert and (name in handlers.QUIET or (name in self.known and name not in handlers.NAMES))

    def find_by_prefix(self, name: str) -> tuple[tuple[str, Condition], ...]:
        """Return the conditions for `mkfs.*` and the like."""
        head, dot, _ = name.partition(".")
        return self.by_program.get(f"{head}.*", ()) if dot else ()

    def get_option_spec(self, name: str) -> OptionSpec:
        return self.options.get(name) or OptionSpec()

    def find_redirect_rules(self, path: str, *kinds: str) -> Iterator[str]:
        """Yield the rules broken by a redirect that reads (`read`) or writes (`write`, `overwrite`, `empty`) a path."""
        found = self.classes.classify(path)
        for rule, condition in self.redirects if found else ():
            if condition.redirect in kinds and not found.isdisjoint(condition.paths):
                yield rule

    def find_matching(self, pattern: str) -> tuple[str, ...]:
        """Return the programs with rules or a simulation whose names the wildcard matches."""
        found = self.matched.get(pattern)
        if found is None:
            names = (*self.by_program, *handlers.NAMES, *self.wrappers)
            spelled = [spelling for name in names for spelling in _list_spellings(name)]
            found = tuple(dict.fromkeys(name for name in spelled if patterns.matches(pattern, name)))
            self.matched.update({pattern: found} if len(self.matched) < MOST_MATCHED else {})
        return found


def _list_spellings(name: str) -> tuple[str, ...]:
    """Return the programs that a rule's `mkfs.*` stands for."""
    return tuple(name.replace(ANY, kind) for kind in KINDS) if name.endswith(".*") else (name,) if name != ANY else ()


@cache
def load() -> Rulebook:
    """Load the rules of the package, once."""
    folder = resources.files("runner.policy.rules")
    texts = {name: folder.joinpath(f"{name}.toml").read_text("utf-8") for name in (*FILES, *TABLES)}
    rules = [Rule.parse(name, table) for file in FILES for name, table in tomllib.loads(texts[file]).items()]
    return Rulebook(
        **index_rules(rules),
        options=_parse_option_specs(tomllib.loads(texts["options"])),
        classes=PathClasses.parse(texts["paths"]),
        wrappers=(wrappers := _parse_wrappers(texts["wrappers"])),
        known=_parse_names(texts["known"]).union(wrappers, handlers.NAMES, *(rule.programs for rule in rules)),
        version=VERSION,
    )


def _parse_wrappers(text: str) -> dict[str, Wrapper]:
    return {name: Wrapper.parse(table) for name, table in tomllib.loads(text).items()}


def _parse_names(text: str) -> frozenset[str]:
    return frozenset(tomllib.loads(text)["programs"].split())


def index_rules(rules: list[Rule]) -> dict[str, Any]:
    by_program: dict[str, tuple[tuple[str, Condition], ...]] = {ANY: ()}
    for rule in rules:
        for condition in rule.when:
            for name in condition.programs:
                by_program[name] = (*by_program.get(name, ()), (rule.id, condition))
    redirects = tuple((rule.id, condition) for rule in rules for condition in rule.when if condition.redirect)
    return {"rules": {rule.id: rule for rule in rules}, "by_program": by_program, "redirects": redirects}


def _parse_option_specs(table: Mapping[str, Any]) -> dict[str, OptionSpec]:
    single = frozenset(table["single"].split())
    found: dict[str, OptionSpec] = {name: OptionSpec(single=True) for name in single}
    for programs, text in table["values"].items():
        found |= {name: OptionSpec.parse(text, single=name in single) for name in programs.split()}
    return found
