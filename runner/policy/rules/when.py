"""One condition of a rule, as the rule files write it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.policy.rules import checks
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
class Condition:
    """A condition holds if all its tests do. `programs` are names, some ending with `*`."""

    programs: tuple[str, ...]
    redirect: str
    paths: frozenset[str]
    tests: tuple[Callable[[Call], bool], ...]

    def holds(self, call: Call) -> bool:
        return all(test(call) for test in self.tests)


def parse_condition(table: Mapping[str, Any]) -> Condition:
    """Parse a condition. Raises RuleFault for an unknown field or an invalid pattern."""
    if unknown := set(table) - FIELDS:
        raise RuleFault(f"unknown field {min(unknown)!r}")
    if not ("program" in table or "redirect" in table):
        raise RuleFault("a condition needs 'program' or 'redirect'")
    return Condition(
        programs=tuple(str(table.get("program", "")).split()),
        redirect=table.get("redirect", ""),
        paths=_split_names(table.get("path", "")),
        tests=tuple(MAKERS[name](table) for name in MAKERS if name in table),
    )


PLACES = frozenset({"any", "first", "rest", "target", "sources", "args", "data"})
REDIRECTS = frozenset({"read", "write", "overwrite", "empty"})


def check_types(table: Any) -> None:
    """Check the types of a condition that an admin wrote. Raises RuleFault."""
    if not isinstance(table, Mapping):
        raise RuleFault('a condition must be a table: { program = "…" }')
    for name, value in table.items():
        if not isinstance(value, int if name == "least" else str):
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


def _split_names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def compile_pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise RuleFault(f"{text!r} is not a pattern: {error}") from None


def _build_least_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    count = int(table["least"])
    return lambda call: len(call.args) >= count


def _build_option_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    options = _split_names(table["option"])
    return lambda call: call.has_option(options)


def _build_without_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    options = _split_names(table["without"])
    return lambda call: options.isdisjoint(call.parsed_arguments.flags)


def _build_value_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    """Test whether a value of one of the options matches as a whole."""
    options, match = _split_names(table["value"]), compile_pattern(table["match"])
    return lambda call: any(match.fullmatch(found) for found in call.get_option_values(options))


def _build_nth_test(name: str, place: int) -> Callable[[Mapping[str, Any]], Callable[[Call], bool]]:
    def build_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
        match = compile_pattern(table[name])
        return lambda call: any(match.fullmatch(word) for word in call.operands[place : place + 1])

    return build_test


def _build_operand_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    match = compile_pattern(table["operand"])
    return lambda call: any(match.fullmatch(word) for word in call.operands)


def _build_words_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    match = compile_pattern(table["words"])
    return lambda call: match.search(call.words) is not None


def _build_text_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    match = compile_pattern(table["text"])
    return lambda call: match.search(call.text) is not None


def _build_stdin_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    match = compile_pattern(table["stdin"])
    return lambda call: any(match.search(found) for found in call.stdin)


def _build_script_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    """Test the path of the program itself, or its name if the shell looks it up in PATH."""
    match = compile_pattern(table["script"])
    return lambda call: (
        match.fullmatch(call.resolve_path(call.program) if "/" in call.program else call.program) is not None
    )


def _build_path_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    kinds, at = _split_names(table["path"]), table.get("at", "any")
    if "value_path" in table:
        options = _split_names(table["value_path"])
        return lambda call: any(call.is_in_class(found, kinds) for found in call.get_option_values(options))
    return lambda call: any(call.is_in_class(found, kinds) for found in call.select_paths(at))


def _build_check_test(table: Mapping[str, Any]) -> Callable[[Call], bool]:
    try:
        return checks.CHECKS[table["check"]]
    except KeyError:
        raise RuleFault(f"unknown check {table['check']!r}") from None


MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Callable[[Call], bool]]] = {
    "least": _build_least_test,
    "option": _build_option_test,
    "without": _build_without_test,
    "value": _build_value_test,
    "first": _build_nth_test("first", 0),
    "second": _build_nth_test("second", 1),
    "operand": _build_operand_test,
    "words": _build_words_test,
    "text": _build_text_test,
    "stdin": _build_stdin_test,
    "script": _build_script_test,
    "check": _build_check_test,
    "path": _build_path_test,
}
"""The builders of tests, the cheapest tests first."""
