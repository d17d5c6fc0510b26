"""Brings values of files and of the service into one form, so that what only looks different is no change."""

import codecs
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sshcast.remote.manifest.keys import WEEKDAYS
from sshcast.remote.manifest.reader import Given, Registered

LINE_END = re.compile(r"\r+(?=\n|\Z)")
DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
KEPT = "a value that cannot be read back"
Row = Mapping[str, Any]


def normalize(kind: str, key: str, value: Any, whole: Row) -> Any:
    """Return the value of a key in the form in which it is compared. `whole`: the object that it belongs to."""
    if value is None:
        return None
    if (kind, key) in OF_WHOLE:
        return OF_WHOLE[(kind, key)](value, whole)
    rule = RULES.get((kind, key))
    return value if rule is None else rule(value)


def _normalize_newlines(text: str) -> str:
    if "\r" not in text:
        return text
    return LINE_END.sub("", text) if "\n" in text else text.replace("\r", "\n")


def _list_defaults(parameters: Iterable[Row]) -> dict[str, Any]:
    return {each["name"]: each["default"] for each in parameters if each.get("default") is not None}


def _sort(values: Iterable[str]) -> list[str]:
    return sorted(set(values))


def _normalize_host(host: str) -> str:
    host = host.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if host.isascii():
        return host
    try:
        return host.translate(DOTS).encode("idna").decode()
    except UnicodeError:
        return host


def _normalize_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return name.lower()


def _normalize_keys(lines: Iterable[str]) -> list[str]:
    return sorted({found for line in lines if (found := _normalize_key(line)) is not None})


def _normalize_key(line: str) -> str | None:
    """Return a line of known_hosts as it is pinned: without hosts and comment. None for a comment."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    marker = [words.pop(0), "*"] if words[0].startswith("@") else []
    if len(words) > 1 and not words[1].startswith("AAAA"):
        words.pop(0)
    return " ".join([*marker, *words[:2]])


def _normalize_windows(windows: Iterable[Row]) -> list[Any]:
    return [_normalize_window(each) for each in windows]


def _normalize_window(window: Row) -> Row:
    found = {name: value for name, value in window.items() if value is not None}
    if "start" in found:
        found["days"] = _sort(found.get("days", WEEKDAYS))
        found.setdefault("timezone", "UTC")
    return found | {name: _normalize_time(found[name]) for name in ("from", "until") if name in found}


def _normalize_time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return text


def _normalize_selector(selector: Row) -> Row:
    return {name: _sort(value) if isinstance(value, list) else value for name, value in selector.items()}


def _normalize_fleet(fleet: Row) -> Row:
    return {name: value for name, value in fleet.items() if value is not None}


def _normalize_parameters(parameters: Iterable[Row]) -> list[Row]:
    defaults = {"type": "STRING", "required": False}
    return [{**defaults, **{name: value for name, value in each.items() if value != []}} for each in parameters]


def _normalize_terms(terms: Row) -> Row:
    return {name: _sort(value) if isinstance(value, list) else value for name, value in terms.items()}


def _normalize_variables(variables: Row) -> Row:
    return {name: each.name if isinstance(each, Registered) else KEPT for name, each in variables.items()}


def _normalize_values(values: Row, whole: Row) -> Row:
    """Return the values without those that are their parameters' defaults. That of a secret cannot be compared."""
    parameters = whole.get("parameters") or ()
    defaults = _list_defaults(parameters)
    secret = {each["name"] for each in parameters if each.get("type") == "SECRET"}
    hidden = {name for name, value in values.items() if name in secret or isinstance(value, Given)}
    return {
        name: KEPT if name in hidden else value for name, value in values.items() if value != defaults.get(name, KEPT)
    }


RULES: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("servers", "host"): _normalize_host,
    ("servers", "hostKeys"): _normalize_keys,
    ("servers", "legacyAlgorithms"): _sort,
    ("servers", "tags"): _sort,
    ("servers", "outputEncoding"): _normalize_encoding,
    ("servers", "blackouts"): _normalize_windows,
    ("tasks", "selector"): _normalize_selector,
    ("tasks", "fleet"): _normalize_fleet,
    ("tasks", "command"): _normalize_newlines,
    ("tasks", "env"): sorted,
    ("tasks", "secretEnv"): _normalize_variables,
    ("tasks", "parameters"): _normalize_parameters,
    ("tasks", "terms"): _normalize_terms,
    ("policies", "allow"): _sort,
    ("policies", "commands"): lambda texts: _sort(_normalize_newlines(each).strip() for each in texts),
}
OF_WHOLE: dict[tuple[str, str], Callable[[Any, Row], Any]] = {("tasks", "parameterValues"): _normalize_values}
