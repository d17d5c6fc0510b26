"""Shows a plan: a line for each object, and below it what changes. Nothing in it controls the terminal."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sshcast.remote.manifest.plan import ApplyAction, ApplyStep, KeyChange
from sshcast.remote.printing import format_cell
from sshcast.words import choose, translate

SIGNS = {ApplyAction.CREATE: "+", ApplyAction.UPDATE: "~", ApplyAction.DELETE: "-"}
COLOURS = {"+": "green", "~": "yellow", "-": "red"}
Line = tuple[str, str | None]
"""A line, and its colour; None for the usual one."""


def list_lines(steps: Sequence[ApplyStep]) -> Iterator[Line]:
    """Yield the lines of a plan, deletions first."""
    for step in sorted(steps, key=lambda each: each.action is not ApplyAction.DELETE):
        sign = SIGNS[step.action]
        yield f"{sign} {format_cell(step.label)}", COLOURS[sign]
        for change in step.changes:
            yield from _list_change(change, "    ", sign)


def build_row(step: ApplyStep) -> dict[str, Any]:
    """Return a step as `--json` prints it."""
    return {
        "kind": step.kind,
        "action": str(step.action),
        "name": " ".join(step.name) if step.kind in ("policies", "grants") else step.name[0],
        "changes": [{"key": each.key, "from": each.old, "to": each.new} for each in step.changes],
        "done": step.is_done,
        "error": step.fault,
    }


def _list_change(change: KeyChange, indent: str, sign: str) -> Iterator[Line]:
    old, new, key = change.old, change.new, format_cell(change.key)
    if isinstance(new, Mapping) and (old is None or isinstance(old, Mapping)):
        yield from _list_mapping(key, KeyChange(change.key, old or {}, new), indent, sign)
    elif isinstance(new, str) and "\n" in new.strip("\n"):
        yield f"{indent}{key}:", None
        yield from _list_text(old if isinstance(old, str) else "", new, f"{indent}  ")
    elif sign == "+":
        yield f"{indent}{key}: {_format(new)}", COLOURS["+"]
    else:
        yield f"{indent}{key}: {_format(old)} -> {_format(new)}", COLOURS["~"]


def _list_mapping(key: str, change: KeyChange, indent: str, sign: str) -> Iterator[Line]:
    """Yield the entries that differ; for a secret whose value is sent again, its entry."""
    names = [*change.new, *(name for name in change.old if name not in change.new)]
    if not names:
        yield f"{indent}{key}: {_format({})}", COLOURS[sign]
    for name in names:
        old, new = change.old.get(name), change.new.get(name)
        if old != new or sign == "+":
            yield from _list_change(KeyChange(f"{key}.{name}", old, new), indent, sign)


def _list_text(old: str, new: str, indent: str) -> Iterator[Line]:
    """Yield the lines that differ, with those around them."""
    found = difflib.unified_diff(_split(old), _split(new), n=1, lineterm="")
    for place, line in enumerate(found):
        if place < 2 or line.startswith("@@"):
            continue
        yield f"{indent}{line[0]} {format_cell(line[1:])}", COLOURS.get(line[0])


def _split(text: str) -> list[str]:
    """Return the lines; whether the last one has an end is a line of its own where that differs."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]} {choose('(no line end)', '（无换行）')}"]


def _format(value: Any) -> str:
    if value is None or value in ([], {}, ""):
        return choose("none", "无")
    if isinstance(value, list):
        return ", ".join(map(_format, value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{format_cell(name)}: {_format(each)}' for name, each in value.items())}}}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return format_cell(translate(value) if isinstance(value, str) else value)
