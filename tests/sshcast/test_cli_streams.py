"""`sshcast run` and its three streams, in processes of their own: pipes, terminals, and who goes away."""

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import ROOT, Commands
from tests.support.enrolled import SSHCAST, commands, openssh
from tests.support.terminal import on_terminal

__all__ = ["commands", "openssh"]

EVERY_BYTE = "".join(rf"\{n:03o}" for n in range(256))
FAULTS = pytest.mark.faults
UNREAD = b"stdin has bytes that were not passed on: use --stdin"


def shell(commands: Commands, script: str, **streams: int) -> "subprocess.CompletedProcess[bytes]":
    """A shell script in which `sshcast` is the command."""
    command = f'sshcast() {{ {" ".join(SSHCAST)} "$@"; }}\n{script}'
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} | streams
    done: subprocess.CompletedProcess[bytes] = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=commands.environment(), capture_output=True, timeout=90, **given
    )
    return done


def test_into_pipes_both_streams_are_byte_for_byte(commands: Commands) -> None:
    every = bytes(range(256))
    done = commands.within("run", "--quiet", "web", "--", f"printf '{EVERY_BYTE}\\347\\225'; printf '{EVERY_BYTE}' >&2")
    assert done.stdout == every + b"\xe7\x95"
    assert done.stderr == every


def test_on_a_terminal_progress_is_shown_and_no_note_of_ours_is_written_over(commands: Commands) -> None:
    with on_terminal(commands, *SSHCAST, "run", "web", "--", r"printf '1%%\r2%%\r\033]0;t\007\033[1A'") as terminal:
        assert terminal.end() == 0
        lines = terminal.shown.split(b"\r\n")
        assert re.fullmatch(rb"execution \d+", lines[0])
        assert lines[1] == b"1%\r2%\r"
        assert lines[2].startswith(b"[SUCCESS; exit status 0]")


@pytest.mark.faults
def test_stdin_is_passed_on_where_it_is_asked_for(commands: Commands) -> None:
    every = bytes(range(256)) * 100
    reading, writing = os.pipe()
    os.write(writing, every)
    os.close(writing)
    done = shell(commands, "sshcast run -q --stdin web -- cat", stdin=reading)
    os.close(reading)
    assert (done.returncode, done.stdout, done.stderr) == (0, every, b"")


@pytest.mark.parametrize("kind", ["pipe", pytest.param("file", marks=FAULTS)])
def test_without_stdin_what_waits_there_is_told_and_left_to_who_reads_next(
    commands: Commands, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "hosts").write_text("web\nweb\n")
    given = f"{{ cat {tmp_path}/hosts; }} |" if kind == "pipe" else f"< {tmp_path}/hosts"
    body = "(sshcast run web -- 'cat; echo ran'; cat)"
    done = shell(commands, f"{given} {body}" if kind == "pipe" else f"{body} {given}")
    assert done.stdout == b"ran\nweb\nweb\n"
    assert done.stderr.count(UNREAD) == 1


@pytest.mark.faults
def test_a_loop_over_lines_runs_for_each_of_them(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("web\nweb\n")
    done = shell(commands, f"while read h; do sshcast run -q $h -- echo ran; done < {tmp_path}/hosts")
    assert (done.stdout, done.stderr) == (b"ran\nran\n", b"")


@pytest.mark.faults
def test_stdin_that_is_empty_or_a_device_is_not_told_of(commands: Commands) -> None:
    assert UNREAD not in shell(commands, ": | sshcast run web -- true").stderr
    assert UNREAD not in shell(commands, "sshcast run web -- true < /dev/zero").stderr


def test_stdin_beyond_the_limit_is_refused_before_anything_is_run(commands: Commands) -> None:
    done = commands.within("run", "web", "--stdin", "--", "cat", stdin="x" * 1_048_577)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"stdin: there is more than 1048576 bytes of it" in done.stderr
    assert b"execution" not in done.stderr


def test_when_the_reader_goes_away_the_run_is_cancelled_and_nothing_else_is_said(commands: Commands) -> None:
    """The command would go on for an hour."""
    done = shell(
        commands, "sshcast run web -- 'echo a; while echo b; do sleep 0.2; done' | head -1; exit ${PIPESTATUS[0]}"
    )
    assert (done.returncode, done.stdout) == (141, b"a\n")
    first, last = done.stderr.decode().splitlines()
    assert first.startswith("execution ")
    assert last.startswith("[CANCELLED; ")
    assert "verified gone" in last


@pytest.mark.faults
def test_when_the_reader_of_tail_goes_away_the_run_is_left_alone(commands: Commands) -> None:
    ran = commands.within("run", "web", "--", "printf 'a\\nb\\n'")
    id = ran.stderr.decode().split()[1]
    done = shell(commands, f"sshcast tail {id} | false; exit ${{PIPESTATUS[0]}}")
    assert done.returncode in (0, 141)  # the pipe may take all of it before its reader ends
    assert b"Traceback" not in done.stderr
    assert b"SUCCESS" in commands.within("tail", id).stderr


@pytest.mark.parametrize("command", ["--help", *(pytest.param(name, marks=FAULTS) for name in ("user list", "schema"))])
def test_any_command_ends_quietly_when_its_reader_is_gone(commands: Commands, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*SSHCAST, *command.split()], cwd=ROOT, env=commands.environment(), stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.faults
@pytest.mark.parametrize("command", ["user list", "run -q web -- echo a"])
def test_a_full_disk_is_told_in_one_line(commands: Commands, command: str) -> None:
    done = shell(commands, f"sshcast {command} > /dev/full")
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "to be written" in line
    assert line.endswith("No space left on device")


@pytest.mark.faults
def test_streams_that_are_closed_are_as_if_they_were_dev_null(commands: Commands) -> None:
    done = shell(commands, "sshcast run web -- 'echo a; exit 3' <&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
    assert commands.within("user", "list").returncode == 0


@pytest.mark.faults
def test_a_second_interrupt_leaves_and_the_status_is_130(commands: Commands) -> None:
    command = [*SSHCAST, "run", "web", "--", "trap '' TERM INT HUP; echo begun; while :; do sleep 0.97; done"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=commands.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"begun\n"
    id = process.stderr.readline().decode().split()[1]
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == b"cancelling; Ctrl-C once more leaves at once\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.decode()) == (130, f"left; how it went on: sshcast tail {id}\n")
