"""Every document is found from the index, and every link in one leads to something."""

import os
import re
from pathlib import Path

import pytest

from sshcast.cli import load_commands
from tests.support.pages import DOCS, ROOT, find_anchors, list_pages, read, read_blocks, read_links

CHINESE = re.compile(r"[\u4e00-\u9fff]")
INDEXES = (DOCS / "index.md", DOCS / "index.zh.md")


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    assert [link for link in read_links(page) if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page if path == "" else Path(os.path.normpath(page.parent / path))
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return anchor == "" or target.suffix != ".md" or anchor in find_anchors(target)


def test_a_link_to_nowhere_is_seen(tmp_path: Path) -> None:
    """So that the test above can fail."""
    page = DOCS / "index.md"
    for link in ("nothing.md", "security.md#nothing", "#nothing", "../../outside.md"):
        assert not leads_somewhere(page, link)
    for link in ("security.md", "security.md#rights", "#by-task", "images/architecture.svg"):
        assert leads_somewhere(page, link)


@pytest.mark.parametrize("index", INDEXES, ids=lambda page: page.name)
def test_the_index_names_every_document(index: Path) -> None:
    """The Chinese index names the Chinese page where there is one, else the English one."""
    named = {link.partition("#")[0] for link in read_links(index)}
    pages = {page.name for page in DOCS.glob("*.md")} - {page.name for page in INDEXES}
    if index.name.endswith(".zh.md"):
        wanted = {name for name in pages if name.endswith(".zh.md") or name.replace(".md", ".zh.md") not in pages}
    else:
        wanted = {name for name in pages if not name.endswith(".zh.md")}
    assert wanted - named == set()


def test_both_readmes_lead_to_the_index_and_to_each_other() -> None:
    assert {"docs/index.md", "README.zh.md"} <= set(read_links(ROOT / "README.md"))
    assert {"docs/index.zh.md", "README.md"} <= set(read_links(ROOT / "README.zh.md"))


def test_a_page_and_its_translation_name_each_other() -> None:
    for page in DOCS.glob("*.zh.md"):
        english = page.with_name(page.name.replace(".zh.md", ".md"))
        assert english.exists(), page
        assert page.name in read(english)[:1500], f"{english.name} does not name its translation"
        assert english.name in read(page)[:1500], f"{page.name} does not name what it translates"


def test_both_readmes_have_the_same_commands() -> None:
    """But for comments and the name of a task."""
    english, chinese = (
        ["".join(re.sub(r"\s+#.*", "", line) for line in block.splitlines()) for block in read_blocks(ROOT / name)]
        for name in ("README.md", "README.zh.md")
    )
    assert [block.replace("morning check", "早间检查") for block in english] == chinese


def test_the_readme_is_about_one_screen() -> None:
    for name in ("README.md", "README.zh.md"):
        assert read(ROOT / name).count("\n") <= 120
    assert len(CHINESE.findall(read(ROOT / "README.zh.md"))) > 500


@pytest.mark.parametrize("page", ["command-line.md", "command-line.zh.md"])
def test_the_command_line_page_has_every_command(page: str) -> None:
    text = read(DOCS / page).split("<!-- commands:")[1].split("<!-- /commands")[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {word.split()[0] for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
    command = load_commands()
    assert named == {name for name in command.list_commands(None) if not command.get_command(None, name).hidden}
