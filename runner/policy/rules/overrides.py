"""Overrides: an admin's changes to the rules for one server or task."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from runner.policy.filesystem.globs import build_regex
from runner.policy.rules import slow_patterns
from runner.policy.rules.rulebook import Rule, Rulebook, index_rules
from runner.policy.rules.when import RuleFault, compile_pattern

LONGEST_EXTRA = 16_384
MOST_EXTRA = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Changes to the rules for one server or task.

    `allow` names rules, with `*` for any part, whose findings become warnings. `commands` are allowed word for word
    where they run in the home directory without variables. `extra` holds texts with more rules, written as in the files
    of `runner/policy/rules`; they can only forbid more.
    """

    allow: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def allows(self, rule: str) -> bool:
        return any(covers(name, rule) for name in self.allow)


@lru_cache(maxsize=4096)
def covers(name: str, rule: str) -> bool:
    """True if a name in an allow list covers the rule."""
    return compile_pattern(build_regex(name)).fullmatch(rule) is not None


@lru_cache(maxsize=256)
def extend_rulebook(rulebook: Rulebook, extra: str) -> Rulebook:
    """Return the rulebook with the extra rules added. Raises RuleFault if they cannot be read."""
    more = _parse_extra_rules(extra)
    for rule in more:
        for unknown in frozenset().union(*(condition.paths for condition in rule.when)) - rulebook.classes.names:
            raise RuleFault(f"{_format_location(rule.id, extra)}: there is no class of paths {unknown!r}")
    rules = {**rulebook.rules, **{rule.id: _join_rules(rulebook.rules.get(rule.id), rule) for rule in more}}
    return rulebook.with_changes(**index_rules(list(rules.values())), matched={})


def _join_rules(before: Rule | None, rule: Rule) -> Rule:
    """Return the new rule, or the existing one with the new conditions added."""
    return rule if before is None else before.with_more(rule)


def _parse_extra_rules(extra: str) -> list[Rule]:
    """Parse extra rules. Raises RuleFault, which names the rule and its line."""
    if len(extra) > LONGEST_EXTRA:
        raise RuleFault(f"must have at most {LONGEST_EXTRA} characters")
    try:
        tables: dict[str, Any] = tomllib.loads(extra)
    except tomllib.TOMLDecodeError as error:
        raise RuleFault(f"cannot be read as TOML: {error}") from None
    rules = [_parse_table(name, table, extra) for name, table in tables.items()]
    if sum(len(rule.when) for rule in rules) > MOST_EXTRA:
        raise RuleFault(f"must have at most {MOST_EXTRA} conditions")
    return rules


def _parse_table(name: str, table: Any, extra: str) -> Rule:
    try:
        rule = Rule.parse_untrusted(name, table)
        slow_patterns.check_not_slow(table)
    except RuleFault as fault:
        raise RuleFault(f"{_format_location(name, extra)}: {fault}") from None
    return rule


def _format_location(name: str, extra: str) -> str:
    """Return the rule's name and the line that it begins on, for a fault."""
    lines = enumerate(extra.splitlines(), 1)
    found = next((number for number, line in lines if line.lstrip().startswith("[") and name in line), None)
    return f"rule {name!r}" + (f" (line {found})" if found else "")
