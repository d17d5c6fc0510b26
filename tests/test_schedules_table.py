"""docs/schedules.md names a test for each case; these are there."""

import ast
import re
from pathlib import Path

import pytest

from db.values import Missed, Overlap, SlotOutcome
from runner.cron.schedule import Dst, ScheduleError, parse
from runner.scheduling.terms import Terms

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "schedules.md").read_text()
NAMED = sorted(set(re.findall(r"`(test_\w+)`", TEXT)))


ROWS = [[re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:-1]] for line in TEXT.splitlines() if "|" in line]
SHOWN = [
    pair
    for row in ROWS
    if len(row) == 2
    for pair in zip(*row, strict=False)
    if len(row[0]) == len(row[1]) and len(pair[1].split()) in (1, 2, 5, 6) and re.match(r"[@*\d]\S* |@", pair[1])
]


@pytest.mark.parametrize(("brought", "shown"), SHOWN)
def test_what_the_table_says_is_shown_instead_is_shown(brought: str, shown: str) -> None:
    assert len(SHOWN) >= 15
    with pytest.raises(ScheduleError) as refused:
        parse(brought)
    assert refused.value.example == shown


def written() -> set[str]:
    """The names of all test functions."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
    return found


def test_every_test_that_the_table_names_exists() -> None:
    assert len(NAMED) > 40
    assert sorted(set(NAMED) - written()) == []


@pytest.mark.parametrize("word", [*SlotOutcome, *(word.name for kind in (Dst, Overlap, Missed) for word in kind)])
def test_the_table_has_every_outcome_and_every_choice(word: str) -> None:
    assert f"`{word}`" in TEXT or f"{word}`" in TEXT


def test_the_first_choice_in_the_table_is_the_default() -> None:
    usual = Terms()
    for name, value in (("dst", usual.dst), ("overlap", usual.overlap), ("missed", usual.missed)):
        first = re.search(rf"`{name}: (\w+)`", TEXT)
        assert first is not None
        assert first[1] == value.name


def test_the_chinese_page_has_the_same_cases_and_tests() -> None:
    chinese = (ROOT / "docs" / "schedules.zh.md").read_text()
    english, translated = (re.findall(r"^\|.*`(test_\w+)` \|$", text, re.MULTILINE) for text in (TEXT, chinese))
    assert len(english) > 60
    assert translated == english
