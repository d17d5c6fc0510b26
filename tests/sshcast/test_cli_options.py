"""The options of the commands that show output, as docs/command-line.md lists them."""

import re
from typing import Any

from sshcast.cli import load_commands
from tests.support.commands import ROOT

TEXT = (ROOT / "docs" / "command-line.md").read_text()
TABLE = TEXT.partition("<!-- options")[2].partition("<!-- /options")[0]
SHOWING = {"run", "tail"}


def list_documented() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in SHOWING}
    for command, options in re.findall(r"^\| (`run`|`tail`|both) \| (.*?) \|", TABLE, re.MULTILINE):
        for name in SHOWING if command == "both" else {command.strip("`")}:
            found[name] |= set(re.findall(r"`(-[-\w]+)`", options))
    return found


def list_options(command: Any) -> set[str]:
    """Long and short names; typer's own `--help` is in no command's list."""
    return {name for param in command.params for name in param.opts if name.startswith("-")} - {"--help"}


def test_the_docs_list_each_option_of_run_and_tail() -> None:
    group = load_commands()
    assert list_documented() == {name: list_options(group.commands[name]) for name in SHOWING}
