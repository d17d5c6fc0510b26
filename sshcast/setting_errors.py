"""Explains invalid settings: names each variable or option and what it must be, and never shows its value."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from sshcast.environment import variable_of

OPTIONS = frozenset({"data", "host", "port"})
LIST_FORM = 'must be a list such as a,b or ["a", "b"]'
NUMBERS = ("int_", "float_", "finite_", "greater_", "less_")


def explain(error: ValidationError, fields: Mapping[str, FieldInfo], given: Collection[str]) -> str:
    """Return a sentence for each mistake. `given` holds the names of the settings from the command line."""
    return "; ".join(dict.fromkeys(_sentences(error, fields, given)))


def _sentences(error: ValidationError, fields: Mapping[str, FieldInfo], given: Collection[str]) -> Iterator[str]:
    for each in error.errors(include_input=False, include_url=False):
        name, *place = each["loc"] or ("",)
        if not name:  # of several settings: it names them itself
            yield str(each["ctx"]["error"])
            continue
        called = f"--{name}" if name in OPTIONS and name in given else variable_of(str(name))
        item = f"item {int(place[0]) + 1} " if place else ""
        expected = _describe_expected(each["type"], each.get("ctx", {}), fields.get(str(name)), bool(place))
        yield f"{called}: {item}{expected}"


def _describe_expected(kind: str, context: Mapping[str, Any], field: FieldInfo | None, is_item: bool) -> str:
    if kind == "value_error":
        return str(context["error"]).rstrip(".")
    if kind.startswith("bool_"):
        return "must be true or false"
    if kind in ("literal_error", "enum"):
        return f"must be {context['expected']}"
    if kind == "list_type":
        return LIST_FORM
    if kind.startswith(NUMBERS) and field is not None:
        return "must be a whole number" if is_item else _number(field)
    return "must be text" if kind.startswith("string_") else "is not a setting" if field is None else "cannot be read"


def _number(field: FieldInfo) -> str:
    least, most = (
        next((getattr(each, end) for each in field.metadata if hasattr(each, end)), None) for end in ("ge", "le")
    )
    number = "a number" if field.annotation is float else "a whole number"
    return f"must be {number} of at least {least}" if most is None else f"must be {number} from {least} to {most}"
