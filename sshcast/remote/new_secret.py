"""Reads a new password or secret value: from standard input, a file, or a terminal that does not show it."""

import sys
from pathlib import Path

from sshcast.errors import CommandFailed
from sshcast.remote.asking import ask_hidden
from sshcast.remote.credentials import read_text
from sshcast.standard_streams import read_all, read_first_line
from sshcast.words import choose

LARGEST = 1024 * 1024


def read_value(*, first_line: bool, everything: bool, file: Path | None) -> str:
    """Return a value from where it is said to be; else ask for it. Raise CommandFailed if there is no way to."""
    if sum((first_line, everything, file is not None)) > 1:
        raise CommandFailed(
            choose("give one of --stdin, --all-stdin and --file", "--stdin、--all-stdin 与 --file 只能给出一个")
        )
    if first_line:
        return read_first_line()
    if everything:
        return _decode(read_all(LARGEST))
    if file is not None:
        return read_text(file)
    return _ask_twice("--stdin, --all-stdin or --file FILE", "Value: ", "值：")


def read_password(*, from_stdin: bool) -> str:
    """Return a new password: the first line of standard input, else what is typed twice."""
    return read_first_line() if from_stdin else _ask_twice("--password-stdin", "Password: ", "密码：")


def _ask_twice(other: str, english: str, chinese: str) -> str:
    if not sys.stdin.isatty():
        raise CommandFailed(
            choose(f"there is no terminal to ask on: give {other}", f"没有可供询问的终端：请给出 {other}")
        )
    given = ask_hidden(english, chinese)
    if ask_hidden("The same again: ", "再输入一次：") != given:
        raise CommandFailed(choose("the two differ, so nothing was changed", "两次输入不同，未作任何更改"))
    return given


def _decode(data: bytes) -> str:
    if len(data) > LARGEST:
        raise CommandFailed(choose("standard input is longer than 1 MiB", "标准输入超过 1 MiB"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CommandFailed(
            choose("standard input is not UTF-8: give the value in UTF-8", "标准输入不是 UTF-8：请用 UTF-8 给出该值")
        ) from None
