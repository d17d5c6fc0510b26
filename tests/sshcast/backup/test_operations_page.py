"""docs/operations.md and its Chinese twin: every command in them is there with its options, and the short ones run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_words import find_unknown, list_inline_commands
from tests.support.commands import Commands

ROOT = Path(__file__).parent.parent.parent.parent
PAGES = ("operations.md", "operations.zh.md")
RUN_HERE = re.compile(r"<!-- commands: tests/sshcast/backup/test_oper[^\n]*-->\n```sh\n(.*?)```", re.DOTALL)
FENCED = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def list_commands(page: str) -> list[str]:
    """Every `sshcast …` of a page, inline or on a line of a block."""
    text = (ROOT / "docs" / page).read_text()
    lines = [line for block in FENCED.findall(text) for line in block.splitlines() if line.startswith("sshcast ")]
    return [*list_inline_commands(text), *lines]


@pytest.mark.parametrize("page", PAGES)
def test_each_command_is_there_with_its_options(page: str) -> None:
    found = list_commands(page)
    assert len(found) > 15
    assert {line: unknown for line in found if (unknown := find_unknown(line))} == {}


def test_both_pages_have_the_same_commands_and_sections() -> None:
    english, chinese = (list_commands(page) for page in PAGES)
    assert sorted(english) == sorted(chinese)
    headings = [re.findall(r"^(#+) ", (ROOT / "docs" / page).read_text(), re.MULTILINE) for page in PAGES]
    assert headings[0] == headings[1]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_its_blocks_run_as_they_stand(page: str, tmp_path: Path) -> None:
    service = Commands(tmp_path / "data", {"XDG_CONFIG_HOME": str(tmp_path / "none"), "SSHCAST_PORT": "0"})
    assert service.within("migrate").returncode == 0
    blocks = RUN_HERE.findall((ROOT / "docs" / page).read_text())
    assert len(blocks) == 2
    text = "\n".join(blocks).replace("/var/backups", str(tmp_path)).replace("/var/lib", str(tmp_path))
    program = tmp_path / "sshcast"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sshcast "$@"\n')
    program.chmod(0o700)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", text], cwd=ROOT, env=service.environment() | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (tmp_path / "sshcast-restored").iterdir()} >= {"sshcast.db"}
