"""One condition under which a rule is broken, as the rule files write it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.policy.rules import special
from runner.policy.rules.call import Call

FIELDS = frozenset(
    [
        "program",
        "script",
        "redirect",
        "option",
        "without",
        "value",
        "match",
        "value_path",
        "first",
        "second",
        "operand",
        "words",
        "text",
        "stdin",
        "path",
        "at",
        "check",
        "least",
    ]
)
NONE: frozenset[str] = frozenset()


class RuleFault(ValueError):
    """A rule cannot be read."""


@dataclass(frozen=True, slots=True)
class When:
    """Each test that is there must hold. `programs` are names, some ending with `*`."""

    programs: tuple[str, ...]
    redirect: str
    paths: frozenset[str]
    tests: tuple[Callable[[Call], bool], ...]

    def holds(self, call: Call) -> bool:
        return all(test(call) for test in self.tests)


def read(table: Mapping[str, Any]) -> When:
    """Raises RuleFault for a field that is not known or a pattern that cannot be read."""
    if unknown := set(table) - FIELDS:
        raise RuleFault(f"unknown field {min(unknown)!r}")
    if not ("program" in table or "redirect" in table):
        raise RuleFault("a condition needs 'program' or 'redirect'")
    return When(
        programs=tuple(str(table.get("program", "")).split()),
        redirect=table.get("redirect", ""),
        paths=names(table.get("path", "")),
        tests=tuple(MAKERS[name](table) for name in MAKERS if name in table),
    )


PLACES = frozenset({"any", "first", "rest", "target", "sources", "args", "data"})
REDIRECTS = frozenset({"read", "write", "overwrite", "empty"})


def check_types(table: Any) -> None:
    """Of a condition that anybody may have written. Raises RuleFault."""
    if not isinstance(table, Mapping):
        raise RuleFault('a condition must be a table: { program = "…" }')
    for name, given in table.items():
        if not isinstance(given, int if name == "least" else str):
            raise RuleFault(f"{name!r} must be {'a number' if name == 'least' else 'a text'}")
    for name, known in (("at", PLACES), ("redirect", REDIRECTS)):
        if name in table and table[name] not in known:
            raise RuleFault(f"{name!r} must be one of {', '.join(sorted(known))}")
    for name, needed in (
        ("value", "match"),
        ("match", "value"),
        ("redirect", "path"),
        ("value_path", "path"),
        ("at", "path"),
    ):
        if name in table and needed not in table:
            raise RuleFault(f"{name!r} needs {needed!r}")


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise RuleFault(f"{text!r} is not a pattern: {error}") from None


def least(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    count = int(table["least"])
    return lambda call: len(call.args) >= count


def option(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    wanted = names(table["option"])
    return lambda call: call.has(wanted)


def without(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    unwanted = names(table["without"])
    return lambda call: unwanted.isdisjoint(call.parsed.flags)


def value(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    """An option's value matches as a whole."""
    options, match = names(table["value"]), pattern(table["match"])
    return lambda call: any(match.fullmatch(found) for found in call.values(options))


def nth(name: str, place: int) -> Callable[[Mapping[str, Any]], Callable[[Call], bool]]:
    def made(table: Mapping[str, Any]) -> Callable[[Call], bool]:
        match = pattern(table[name])
        return lambda call: any(match.fullmatch(word) for word in call.operands[place : place + 1])

    return made


def operand(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    match = pattern(table["operand"])
    return lambda call: any(match.fullmatch(word) for word in call.operands)


def words(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    match = pattern(table["words"])
    return lambda call: match.search(call.words) is not None


def text(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    match = pattern(table["text"])
    return lambda call: match.search(call.text) is not None


def stdin(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    match = pattern(table["stdin"])
    return lambda call: any(match.search(found) for found in call.stdin)


def script(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    """The path of the program itself, or its name if it is looked up."""
    match = pattern(table["script"])
    return lambda call: (
        match.fullmatch(call.resolved(call.program) if "/" in call.program else call.program) is not None
    )


def path(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    kinds, at = names(table["path"]), table.get("at", "any")
    if "value_path" in table:
        options = names(table["value_path"])
        return lambda call: any(call.is_of(found, kinds) for found in call.values(options))
    return lambda call: any(call.is_of(found, kinds) for found in call.places(at))


def check(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    try:
        return special.CHECKS[table["check"]]
    except KeyError:
        raise RuleFault(f"unknown check {table['check']!r}") from None


MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Callable[[Call], bool]]] = {
    "least": least,
    "option": option,
    "without": without,
    "value": value,
    "first": nth("first", 0),
    "second": nth("second", 1),
    "operand": operand,
    "words": words,
    "text": text,
    "stdin": stdin,
    "script": script,
    "check": check,
    "path": path,
}
"""The tests, those that cost least first."""
