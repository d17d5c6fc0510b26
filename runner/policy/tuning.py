"""What an admin changes of the rules for one server or task."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from runner.policy.rules.book import Book, Rule, indexed
from runner.policy.rules.globs import regex
from runner.policy.rules.when import RuleFault, pattern

LONGEST_EXTRA = 16_384
MOST_EXTRA = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """`allow` names rules, `*` standing for any part, whose findings are only warnings; `commands` are allowed as such.

    `extra` holds more rules, written as in the files of `runner/policy/rules`.
    """

    allow: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    extra: str = ""

    def allows(self, rule: str) -> bool:
        return any(pattern(regex(name)).fullmatch(rule) for name in self.allow)


@lru_cache(maxsize=256)
def extended(book: Book, extra: str) -> Book:
    """The book with the extra rules. Raises RuleFault when they cannot be read."""
    more = parsed(extra)
    rules = {**book.rules, **{rule.id: joined(book.rules.get(rule.id), rule) for rule in more}}
    return book.replaced(**indexed(list(rules.values())))


def joined(before: Rule | None, rule: Rule) -> Rule:
    """A rule of the package keeps its conditions when more are added to it."""
    return rule if before is None else rule.with_more(before.when)


def parsed(extra: str) -> list[Rule]:
    if len(extra) > LONGEST_EXTRA:
        raise RuleFault(f"extra rules must have at most {LONGEST_EXTRA} characters")
    try:
        tables: dict[str, Any] = tomllib.loads(extra)
        rules = [Rule.read(name, table) for name, table in tables.items()]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise RuleFault(f"extra rules cannot be read: {error}") from None
    if sum(len(rule.when) for rule in rules) > MOST_EXTRA:
        raise RuleFault(f"extra rules must have at most {MOST_EXTRA} conditions")
    return rules
