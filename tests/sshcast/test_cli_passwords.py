"""`user add` and `user password` ask on a real terminal: the rule first, twice, and nothing is shown."""

import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.terminal import Terminal, on_terminal

SSHCAST = (sys.executable, "-m", "sshcast")
PASSWORD, OTHER = "correct horse battery", "another horse battery"
RULE = b"A password has 8 to 1024 characters; nothing is shown as you type.\r\nPassword: "
ADD = ("user", "add", "alice", "--role", "admin")


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "data")


def answer(terminal: Terminal, *texts: str) -> None:
    """Each text once it is asked for one."""
    for text in texts:
        terminal.wait_for(b": ")
        terminal.type(f"{text}\n")


def test_the_rule_is_said_then_it_is_asked_twice_and_again_where_the_two_differ(commands: Commands) -> None:
    with on_terminal(commands, *SSHCAST, *ADD) as terminal:
        answer(terminal, "short", PASSWORD, OTHER, PASSWORD, PASSWORD)
        assert terminal.end() == 0, terminal.shown
        assert terminal.shown == (
            RULE + b"\r\nThe password must be 8 to 1024 characters.\r\n"
            b"Password: \r\nThe same again: \r\nThe two differ.\r\n"
            b"Password: \r\nThe same again: \r\n1\r\n"
        )


@pytest.mark.faults
@pytest.mark.parametrize(
    ("keys", "status", "says"),
    [
        (["a", "b", "c"], 1, b"no password was given in 3 tries, so nothing was changed"),
        (["\x04"], 1, b"no password was given, so nothing was changed"),
        (["\x03"], 130, b""),
    ],
    ids=["three tries", "Ctrl-D", "Ctrl-C"],
)
def test_who_gives_none_changes_nothing(commands: Commands, keys: list[str], status: int, says: bytes) -> None:
    with on_terminal(commands, *SSHCAST, *ADD) as terminal:
        for key in keys:
            terminal.wait_for(b"Password: ")
            terminal.type(key if key < " " else f"{key}\n")
        assert terminal.end() == status
        assert says in terminal.shown
        assert b"Traceback" not in terminal.shown
    assert commands.within("user", "list").stdout == b""


@pytest.mark.parametrize("command", [ADD, ("user", "password", "alice")], ids=" ".join)
def test_without_a_terminal_nothing_is_asked_and_the_option_is_named(commands: Commands, command: list[str]) -> None:
    done = commands.within(*command, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.endswith("give it as the first line of standard input, with --password-stdin")


def test_password_stdin_is_its_first_line_whatever_its_end(commands: Commands) -> None:
    assert commands.within(*ADD, "--password-stdin", stdin=f"{PASSWORD}\r\nmore\n").returncode == 0
    for text, says in (("", b"must be 8 to 1024"), ("short\n", b"must be 8 to 1024")):
        done = commands.within("user", "password", "alice", "--password-stdin", stdin=text)
        assert done.returncode == 2
        assert says in done.stderr


def test_a_first_line_that_is_not_utf_8_is_told(commands: Commands) -> None:
    done = commands.within(*ADD, "--password-stdin", stdin="caf\udce9 caf\udce9\n")
    assert done.returncode == 1
    assert b"the first line of standard input is not UTF-8" in done.stderr
