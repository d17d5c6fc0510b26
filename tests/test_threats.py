"""docs/threats.md has a row for each threat and names tests that are there; what it promises of our code holds."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sshcast.cli import load_commands

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "threats.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in TEXT.splitlines()
    if re.match(r"\| \d+ \|", line)
]
NUMBERS = range(1, 50)
NOT_COVERED = "Not covered: "
# Where a program of this machine may be started: the demo's target, npm for the playground.
STARTS_PROGRAMS = {"sshcast/web.py", "sshcast/demo/command.py"}
STARTERS = {"subprocess", "pty", "system", "popen", "execv", "execve", "spawnv", "fork", "posix_spawn"}
STARTERS |= {f"{part}subprocess_{how}" for part in ("", "create_") for how in ("exec", "shell")}
SECRETS = {"password", "passphrase", "token", "secret", "code", "value"}


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_there_is_one_row_for_each_threat() -> None:
    assert [int(row[0]) for row in ROWS] == list(NUMBERS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_tests_that_are_there_or_says_why_there_is_none(row: list[str]) -> None:
    _, attack, control, tests = row
    assert attack
    assert control
    named = re.findall(r"`(tests/[\w/]+\.py)`::(test_\w+)", tests)
    assert named or (tests.startswith(NOT_COVERED) and len(tests) > 30)
    assert [f"{path}::{name}" for path, name in named if name not in functions_of(path)] == []


def test_no_program_is_started_here_for_what_somebody_asked() -> None:
    found = {}
    for folder in ("db", "runner", "resolvers", "schema", "sshcast"):
        for path in (ROOT / folder).rglob("*.py"):
            if used := STARTERS & words_of(ast.parse(path.read_text())):
                found[str(path.relative_to(ROOT))] = used
    assert {path: used for path, used in found.items() if path not in STARTS_PROGRAMS} == {}


def words_of(tree: ast.AST) -> set[str]:
    """The modules that are imported, and the attributes that are used."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


def test_no_option_of_the_command_line_takes_a_secret() -> None:
    """A list of processes shows what is on a command line. Files and standard input are where secrets come from."""
    found = [
        f"{command.name} {option.name}"
        for command in commands_of(load_commands())
        for option in command.params
        if option.name in SECRETS
    ]
    assert found == []


def commands_of(group: Any) -> Iterator[Any]:
    for command in group.commands.values():
        if hasattr(command, "commands"):
            yield from commands_of(command)
        else:
            yield command
