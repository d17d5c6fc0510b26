"""A Chinese page is the whole of its English page: the same headings, the same rows, the same commands and options."""

import re
from pathlib import Path

import pytest

from tests.support.pages import DOCS, FENCE, ROOT, read, read_links

PAGES = sorted(DOCS.glob("*.zh.md"))
LEFT_IN_ENGLISH = {"schedules.zh.md": "## What it costs"}
"""The last section of a page that is not translated; the page leads to it."""
FREE = {"api.zh.md", "databases.zh.md", "proxies.zh.md", "rest.zh.md", "security.zh.md", "troubleshooting.zh.md"}
"""Pages with cells whose code has words in it, or names once more than English needs to."""


def find_english(page: Path) -> Path:
    return page.with_name(page.name.replace(".zh.md", ".md"))


def read_prose(page: Path) -> str:
    """The page without its blocks of code, which have lines that look like headings."""
    return FENCE.sub("", read(page))


def read_pair(page: Path) -> tuple[str, str]:
    english, left = read_prose(find_english(page)), LEFT_IN_ENGLISH.get(page.name)
    return english if left is None else english.split(left)[0], read_prose(page)


def list_headings(text: str) -> list[str]:
    return re.findall(r"^(#+) ", text, re.MULTILINE)


def list_rows(text: str) -> list[list[str]]:
    """The code in each row of the tables, in no order, for languages put words in different places."""
    rows = (line for line in text.splitlines() if line.startswith("| "))
    return [sorted(re.findall(r"`([^`]+)`", row)) for row in rows]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_translation_has_the_headings_and_the_rows_of_its_page(page: Path) -> None:
    english, chinese = read_pair(page)
    assert list_headings(chinese) == list_headings(english)
    assert len(list_rows(chinese)) == len(list_rows(english))


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in FREE], ids=lambda page: page.name)
def test_each_row_of_a_translation_names_what_its_row_names(page: Path) -> None:
    english, chinese = read_pair(page)
    differing = [pair for pair in zip(list_rows(english), list_rows(chinese), strict=True) if pair[0] != pair[1]]
    assert differing == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.zh.md"], ids=lambda page: page.name)
def test_a_chinese_page_leads_to_chinese_pages_where_there_are_any(page: Path) -> None:
    """But for the link to its own English page, which stands in its beginning or leads to what is left in English."""
    paths = {link.partition("#")[0] for link in read_links(page)} - {find_english(page).name}
    translated = {path for path in paths if path.endswith(".md") and not path.endswith(".zh.md")}
    assert {path for path in translated if find_chinese(page, path).exists()} == set()


def find_chinese(page: Path, path: str) -> Path:
    return page.parent / path.replace(".md", ".zh.md")
