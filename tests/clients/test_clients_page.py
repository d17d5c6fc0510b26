"""docs/clients.md and its Chinese twin show every program of graphql_examples/clients/ as it is."""

from pathlib import Path

import pytest

from tests.support.client_pages import PAGES, fill_blocks, list_programs, read_blocks, read_files
from tests.support.npm import TOOLS

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pages
def test_a_page_shows_every_program_character_for_character(page: Path) -> None:
    """To mend it: python -m tests.support.client_pages."""
    wanted = {path.name: path.read_text(encoding="utf-8") for path in list_programs()}
    assert wanted
    assert read_blocks(page.read_text(encoding="utf-8")) == wanted


@pages
def test_a_page_that_lags_behind_its_programs_is_brought_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lagging = text.replace("SSHCAST_TASK", "SSHCAST_OLD")
    assert lagging != text
    assert fill_blocks(lagging).count("SSHCAST_OLD") < lagging.count("SSHCAST_OLD")
    assert read_blocks(fill_blocks(lagging)) == read_blocks(text)


@pages
@pytest.mark.parametrize("name", ["relay.config.json", "codegen.mjs"])
def test_a_page_shows_the_configurations_that_are_tested(page: Path, name: str) -> None:
    assert read_files(page.read_text(encoding="utf-8"))[name] == (TOOLS / name).read_text(encoding="utf-8")


@pages
def test_the_table_of_a_page_names_every_program(page: Path) -> None:
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| [")]
    named = {path.name for path in list_programs() if any(f"({path.name})" in row or path.name in row for row in rows)}
    assert named == {path.name for path in list_programs()}


def test_both_pages_have_the_same_sections() -> None:
    """Headings of libraries are the same in both languages; others come in the same order."""
    counts = [
        [line.partition(" ")[0] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
        for page in PAGES
    ]
    assert len(counts[0]) == len(counts[1]) > 8
