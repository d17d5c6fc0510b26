"""Reads YAML, and JSON, to trees of nodes that know their lines. Nothing is constructed from what a file says."""

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.words import choose

LARGEST = 16 * 1024 * 1024
STDIN = "-"
NULL, MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was read. `folder`: where its paths are relative to."""

    name: str
    folder: Path
    text: str


def read_source(path: Path) -> SourceFile:
    """Read a file, or standard input for `-`. Raise CommandFailed if that cannot be done."""
    if str(path) == STDIN:
        return SourceFile("stdin", Path(), _decode("stdin", sys.stdin.buffer.read(LARGEST + 1)))
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        why = error.strerror or error
        raise CommandFailed(choose(f"cannot read {path}: {why}", f"无法读取 {path}：{why}")) from None
    return SourceFile(str(path), path.parent, _decode(str(path), data))


def compose(source: SourceFile) -> list[Any]:
    """Return the tree of each document in it. Raise CommandFailed with the line of a mistake."""
    yaml = importlib.import_module("yaml")
    try:
        found = list(yaml.compose_all(_untab(source.text), Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = source.name if mark is None else f"{source.name}:{mark.line + 1}"
        why = error.problem or error.context
        raise CommandFailed(choose(f"{where}: this is no YAML: {why}", f"{where}：不是有效的 YAML（{why}）")) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        name, why = source.name, " ".join(str(error).split())
        raise CommandFailed(choose(f"{name}: this is no YAML: {why}", f"{name}：不是有效的 YAML（{why}）")) from None
    return [tree for tree in found if tree is not None and not is_null(tree)]


def is_mapping(node: Any) -> bool:
    return bool(node.id == "mapping")


def is_list(node: Any) -> bool:
    return bool(node.id == "sequence")


def is_scalar(node: Any) -> bool:
    return bool(node.id == "scalar")


def is_null(node: Any) -> bool:
    return bool(node.tag == NULL)


def get_line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def get_text(node: Any) -> str:
    """Return a scalar as it is written, whatever YAML takes it for: `22:00` and `no` stay texts."""
    text: str = node.value
    if any("\ud800" <= each <= "\udfff" for each in text):  # JSON writes what is beyond the BMP as two halves
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def list_pairs(node: Any, depth: int = 0) -> Iterator[tuple[Any, Any, bool]]:
    """Yield the keys and values of a mapping, and whether they come from `<<`: those stand behind its own."""
    merged = []
    for key, value in node.value:
        if key.tag == MERGE:
            merged.append(value)
        else:
            yield key, value, False
    if depth > 8:
        return
    for value in merged:
        for each in value.value if is_list(value) else [value]:
            if is_mapping(each):
                yield from ((key, inner, True) for key, inner, _ in list_pairs(each, depth + 1))


def _decode(name: str, data: bytes) -> str:
    if len(data) > LARGEST:
        most = LARGEST // 1024 // 1024
        raise CommandFailed(choose(f"{name} has more than {most} MiB", f"{name} 超过 {most} MiB"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CommandFailed(
            choose(f"{name}:{line}: this is not UTF-8 text", f"{name}:{line}：不是 UTF-8 文本")
        ) from None


def _untab(text: str) -> str:
    """Return JSON without tabs, which YAML does not take between its parts; other text as it is."""
    if "\t" not in text or text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")  # a text in JSON cannot hold one
