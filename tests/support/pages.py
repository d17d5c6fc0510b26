"""The documents of this repository: their links, headings and shell commands."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
FENCE = re.compile(r"^( *)(`{3,})([^`\n]*)\n(.*?)^\1\2 *$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
HEADING = re.compile(r"^#+ +(.*?) *#*$", re.MULTILINE)


def list_pages() -> list[Path]:
    return sorted(page for folder in ("", "docs", "bench", "deploy") for page in (ROOT / folder).glob("*.md"))


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _read_prose(page: Path) -> str:
    """The page without its blocks of code and without code in lines, where brackets mean something else."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", read(page)))


def read_links(page: Path) -> Iterator[str]:
    """The links to files and headings of this repository, as they are written."""
    for link in LINK.findall(_read_prose(page)):
        if not re.match(r"[a-z]+:", link):
            yield unquote(link)


def find_anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    anchors = set()
    for heading in HEADING.findall(FENCE.sub("", read(page))):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")
        count = found.get(anchor, 0)
        found[anchor] = count + 1
        anchors.add(f"{anchor}-{count}" if count else anchor)
    return anchors


def read_blocks(page: Path, language: str = "sh") -> list[str]:
    """The page's blocks of code in a language, in their order, without their indentation."""
    return [
        re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)
        for indent, _, name, text in FENCE.findall(read(page))
        if name.split()[:1] == [language]
    ]
