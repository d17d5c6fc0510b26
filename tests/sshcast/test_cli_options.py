"""The options of the commands that show output, as docs/command-line.md and its translation list them."""

import re
from typing import Any

import pytest

from sshcast.cli import load_commands
from tests.support.commands import ROOT

PAGES = {"command-line.md": "both", "command-line.zh.md": "两者"}
"""The word for both commands in each page."""
SHOWING = {"run", "tail"}


def list_documented(page: str) -> dict[str, set[str]]:
    table = (ROOT / "docs" / page).read_text().partition("<!-- options")[2].partition("<!-- /options")[0]
    found: dict[str, set[str]] = {name: set() for name in SHOWING}
    for command, options in re.findall(rf"^\| (`run`|`tail`|{PAGES[page]}) \| (.*?) \|", table, re.MULTILINE):
        for name in SHOWING if command == PAGES[page] else {command.strip("`")}:
            found[name] |= set(re.findall(r"`(-[-\w]+)`", options))
    return found


def list_options(command: Any) -> set[str]:
    """Long and short names; typer's own `--help` is in no command's list."""
    return {name for param in command.params for name in param.opts if name.startswith("-")} - {"--help"}


@pytest.mark.parametrize("page", PAGES)
def test_the_docs_list_each_option_of_run_and_tail(page: str) -> None:
    group = load_commands()
    assert list_documented(page) == {name: list_options(group.commands[name]) for name in SHOWING}
