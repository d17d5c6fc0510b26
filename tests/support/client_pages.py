"""Puts the programs of graphql_examples/clients/ into docs/clients.md and docs/clients.zh.md, character for character.

`python -m tests.support.client_pages` rewrites each block that names a program, such as "```js name=axios.mjs".
"""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = ROOT / "graphql_examples" / "clients"
PAGES = (ROOT / "docs" / "clients.md", ROOT / "docs" / "clients.zh.md")
BLOCK = re.compile(r"^```\w+ name=(?P<name>[\w.-]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

FILE = re.compile(r"^```\w+ file=(?P<name>[\w./-]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
"""A block that a reader saves under this name, such as a configuration."""


def list_programs() -> list[Path]:
    return sorted(path for path in PROGRAMS.iterdir() if path.is_file())


def read_blocks(page: str) -> dict[str, str]:
    """Return the text of each block that names a program, by that name."""
    return {found["name"]: found["text"] for found in BLOCK.finditer(page)}


def read_files(page: str) -> dict[str, str]:
    """Return the text of each block that is to be saved as a file, by the file's name."""
    return {found["name"]: found["text"] for found in FILE.finditer(page)}


def fill_blocks(page: str) -> str:
    """Return the page with the text of each named program in its block. Raises FileNotFoundError for an unknown one."""
    return BLOCK.sub(_fill_block, page)


def _fill_block(found: re.Match[str]) -> str:
    opening = found[0].partition("\n")[0]
    return f"{opening}\n{(PROGRAMS / found['name']).read_text(encoding='utf-8')}```"


def main() -> None:
    for page in PAGES:
        page.write_text(fill_blocks(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
