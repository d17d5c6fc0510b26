"""Cases of the command policy, one JSON object a line: `command`, `expect`, and the `rule` of a refusal."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    """`expect` is allow, warn or deny."""

    command: str
    expect: str
    rule: str | None
    note: str


def read(name: str) -> Iterator[Case]:
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Case(row["command"], row["expect"], row.get("rule"), row.get("note", ""))


def params(name: str) -> list[Any]:
    """For parametrize, each named by its command."""
    return [pytest.param(case, id=case.command) for case in read(name)]
