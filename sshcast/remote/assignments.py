"""Reads `NAME=VALUE` options, and values that are kept in files or come by standard input."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.words import choose

LARGEST = 1024 * 1024


def split_assignments(option: str, given: Sequence[str] | None) -> list[tuple[str, str]]:
    """Return the names and values of `NAME=VALUE`, each name once."""
    pairs = [_split(option, each) for each in given or ()]
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CommandFailed(
            choose(f"{option} {twice}: this name is given twice", f"{option} {twice}：此名称给出了两次")
        )
    return pairs


def build_values(option: str, given: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return `{name, value}` for each `NAME=VALUE`."""
    return [{"name": name, "value": value} for name, value in split_assignments(option, given)]


def _split(option: str, text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise CommandFailed(choose(f"{option} {text}: write it as NAME=VALUE", f"{option} {text}：请写作 NAME=VALUE"))
    return name, value


def read_text(option: str, path: Path) -> str:
    """Return the text of a file, or of standard input for `-`; at most 1 MiB of UTF-8."""
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
    except OSError as error:
        raise CommandFailed(
            choose(
                f"{option} {path}: it cannot be read: {error.strerror or error}",
                f"{option} {path}：无法读取：{error.strerror or error}",
            )
        ) from None
    if len(data) > LARGEST:
        raise CommandFailed(choose(f"{option} {path}: it has more than 1 MiB", f"{option} {path}：超过 1 MiB"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CommandFailed(
            choose(f"{option} {path}: it is not UTF-8 text", f"{option} {path}：不是 UTF-8 文本")
        ) from None
