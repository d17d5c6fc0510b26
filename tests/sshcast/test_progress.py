"""A slow start says what it does: a line that changes on a terminal, plain lines elsewhere."""

import io
import sys

import pytest

from sshcast.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_each_step_is_a_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.say("Loading", "加载")
    progress.say("Opening", "打开")
    progress.clear()
    assert capsys.readouterr().err == "· Loading / 加载\n· Opening / 打开\n"


def test_a_terminal_shows_one_step_at_a_time_and_none_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress()
    progress.say("Loading", "加载")
    progress.say("Opening", "打开")
    progress.clear()
    progress.clear()
    assert shown.getvalue() == "· Loading / 加载\r\x1b[K· Opening / 打开\r\x1b[K"
