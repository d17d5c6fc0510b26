"""docs/crontab.md and its Chinese twin: each command has its options, and the first block runs as it stands."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sshcast.cli import load_commands
from tests.support.commands import ROOT
from tests.support.crontab import CronHost, serving_beside_cron

PAGES = ("crontab.md", "crontab.zh.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(sshcast [^`]+)`")
OPTION = re.compile(r"--[a-z][a-z-]*")
BACKUP = "30 2 * * * /opt/backup.sh"
# The twelfth line, which the page takes out.
CRONTAB = ["# jobs", "MAILTO=ops", *(f"{minute} 1 * * * echo {minute}" for minute in range(9)), BACKUP]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CronHost]:
    with serving_beside_cron(tmp_path_factory.mktemp("page")) as found:
        yield found


def read_page(page: str) -> str:
    return (ROOT / "docs" / page).read_text()


def list_commands(page: str) -> list[str]:
    """Every `sshcast …` of a page, without the comment behind it."""
    text = read_page(page)
    lines = [line.partition("  #")[0].strip() for block in BLOCK.findall(text) for line in block.splitlines()]
    return [*INLINE.findall(text), *(line for line in lines if line.startswith("sshcast "))]


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """What the words call, and what follows it; a group of commands if a word is none of its commands."""
    found: Any = load_commands()
    while words and hasattr(found, "commands") and words[0] in found.commands:
        found = found.commands[words[0]]
        words = words[1:]
    return found, words


def list_options(command: Any) -> set[str]:
    return {option for each in command.params for option in (*each.opts, *each.secondary_opts)}


@pytest.mark.parametrize("page", PAGES)
def test_each_command_is_there_with_its_options(page: str) -> None:
    found = list_commands(page)
    assert len(found) > 8
    for line in found:
        command, rest = find_command(line.split()[1:])
        assert not hasattr(command, "commands") or not rest, line
        assert set(OPTION.findall(" ".join(rest))) <= list_options(command), line


@pytest.mark.parametrize("page", PAGES)
def test_the_options_of_import_and_adopt_are_all_told(page: str) -> None:
    text = read_page(page)
    for name in ("import", "adopt"):
        command, _ = find_command(["crontab", name])
        own = {option for option in list_options(command) if option.startswith("--")}
        common = {"--json", "--quiet", "--local", "--context", "--as", "--data", "--help"}
        assert own - common - set(OPTION.findall(text)) == set()


def test_both_pages_have_the_same_commands_and_sections() -> None:
    english, chinese = (list_commands(page) for page in PAGES)
    assert sorted(english) == sorted(chinese)
    headings = [re.findall(r"^(#+) ", read_page(page), re.MULTILINE) for page in PAGES]
    assert headings[0] == headings[1]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_the_first_block_run_as_they_stand(host: CronHost, tmp_path: Path, page: str) -> None:
    host.write(*CRONTAB)
    program = tmp_path / "sshcast"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sshcast "$@"\n')
    program.chmod(0o700)
    environment = host.remote.commands.environment() | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    block = BLOCK.findall(read_page(page))[0].replace("web1", "demo")
    ours, theirs = os.openpty()
    os.write(ours, b"y\n")
    try:
        done = subprocess.run(
            ["sh", "-e", "-c", block], cwd=ROOT, env=environment, stdin=theirs, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Make or change 10 tasks in shadow of demo" in done.stderr
        assert host.read() == [*CRONTAB[:-1], f"# {BACKUP}"]
        rows = json.loads(host.remote.output("crontab", "status", "demo", "--json"))
        statuses = [row["status"] for row in rows if row["file"].startswith("crontab of ")]
        assert statuses == ["SHADOW"] * 9 + ["ACTIVE"]
    finally:
        os.close(ours)
        os.close(theirs)
        listed = json.loads(host.remote.output("task", "list", "--json"))
        host.remote.output("task", "rm", *(row["id"] for row in listed if row["name"].startswith("demo:")), "--yes")
