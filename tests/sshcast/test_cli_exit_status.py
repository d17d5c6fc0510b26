"""Exit statuses, as docs/command-line.md lists them, and errors in one plain line."""

import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import ROOT, Commands
from tests.support.enrolled import SSHCAST, commands, openssh
from tests.support.ports import free_port
from tests.support.terminal import on_terminal

__all__ = ["commands", "openssh"]

WRONG = {
    "an option that is missing": (["user", "add", "a"], "Missing option '--role'"),
    "an argument that is missing": (["run", "web"], "Missing argument 'command'"),
    "an option that there is not": (["run", "--nothing", "web", "--", "x"], "No such option: --nothing"),
    "a command that there is not": (["nothing"], "No such command 'nothing'"),
    "a value of the wrong kind": (["run", "web", "--timeout", "x", "--", "x"], "Invalid value for '--timeout'"),
    "a limit that is too high": (["run", "web", "--timeout", "99999999", "--", "x"], "timeout_seconds"),
    "the command policy": (["run", "web", "--", "sudo id"], "sudo"),
    "an execution that is not there": (["tail", "99999"], "There is no execution 99999"),
    "a cursor that is none": (["tail", "1", "--after", "x"], "is not an output cursor"),
    "a role that there is not": (["user", "add", "a", "--role", "boss", "--password-stdin"], "role must be one of"),
}
UNABLE = {
    "a user": (["tail", "1", "--as", "nobody"], {}, "no enabled user 'nobody'"),
    "a server": (["run", "nowhere", "--", "true"], {}, "no server nowhere"),
    "a setting": (["user", "list"], {"SSHCAST_ACCESS_SECONDS": "x"}, "ACCESS_SECONDS"),
    "a key file": (
        ["server", "add", "a", "--host", "192.0.2.1", "--user", "u", "--key", "/no", "--host-key", "x"],
        {},
        "cannot read /no",
    ),
    "the database": (
        ["user", "list"],
        {"SSHCAST_DATABASE_URL": f"postgresql://a:b@127.0.0.1:{free_port()}/a"},
        "database",
    ),
}


def the_line(told: bytes) -> str:
    """The one line of an error."""
    (line,) = told.decode().splitlines()
    assert line.startswith("sshcast: ")
    assert line.isprintable()
    return line


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_or_refused_is_2_in_one_line(commands: Commands, what: str) -> None:
    args, says = WRONG[what]
    done = commands.within(*args, stdin="correct horse battery\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert says in the_line(done.stderr)


@pytest.mark.parametrize("what", UNABLE)
def test_what_sshcast_cannot_do_is_1_in_one_line(commands: Commands, what: str) -> None:
    args, variables, says = UNABLE[what]
    done = Commands(commands.data, variables).within(*args)
    assert (done.returncode, done.stdout) == (1, b"")
    assert says in the_line(done.stderr)


@pytest.mark.parametrize("status", [0, 1, 2, 3, 126, 127, 130, 141, 254, 255])
def test_run_and_tail_exit_with_the_commands_own_status(commands: Commands, status: int) -> None:
    done = commands.within("run", "web", "--", f"exit {status}")
    assert done.returncode == status
    assert f"exit status {status}]" in done.stderr.decode()
    assert commands.within("tail", done.stderr.split()[1].decode()).returncode == status


def test_a_command_that_a_signal_ended_has_the_shells_status_for_it(commands: Commands) -> None:
    assert commands.within("run", "web", "--", "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_a_command_that_cannot_start_is_255(commands: Commands, tmp_path: Path) -> None:
    where = ["--host", "127.0.0.1", "--port", str(free_port()), "--user", "u"]
    key = ["--host-key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKdSjcs6sVR9p3ymTwHbXPIlbv2SjUsOumnY3lVUnI6A"]
    added = commands.within("server", "add", "dead", *where, *key, "--password-stdin", stdin="x\n")
    assert added.returncode == 0, added.stderr.decode()
    done = commands.within("run", "dead", "--", "true")
    assert done.returncode == 255
    assert "refused the connection" in done.stderr.decode().splitlines()[-1]


@pytest.mark.faults
def test_tail_leaves_at_the_first_interrupt_with_130_and_the_run_goes_on(commands: Commands, tmp_path: Path) -> None:
    with commands.serving():
        waits = f"echo a; while [ ! -e {tmp_path}/go ]; do sleep 0.2; done"
        run = commands.start("run", "web", "--", waits, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert run.stderr is not None
        id = run.stderr.readline().split()[1].decode()
        tail = commands.start("tail", id, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert tail.stdout is not None
        assert tail.stdout.readline() == b"a\n"
        tail.send_signal(signal.SIGINT)
        assert tail.communicate(timeout=30) == (b"", b"")
        (tmp_path / "go").touch()
        run.communicate(timeout=60)
        assert (tail.returncode, run.returncode) == (130, 0)


@pytest.mark.parametrize("page", ["command-line.md", "command-line.zh.md"])
def test_the_docs_list_these(page: str) -> None:
    """141: test_cli_streams.py, as the second Ctrl-C of `run`."""
    text = (ROOT / "docs" / page).read_text()
    table = text.partition("<!-- exit-status")[2].partition("<!-- /exit-status")[0]
    assert re.findall(r"^\| (\w+) \|", table, re.MULTILINE)[1:] == ["0", "N", "255", "1", "2", "130", "141"]


def test_the_version_is_shown_and_little_is_imported_for_it(commands: Commands) -> None:
    timed = Commands(commands.data, {"PYTHONPROFILEIMPORTTIME": "1"})
    done = timed.run("--version")
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert done.stdout.decode() == f"sshcast {version[1]}\n"
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "typer" in imported
    assert imported & {"rich", "sqlalchemy", "pydantic", "asyncssh", "strawberry"} == set()


def test_without_a_command_those_that_there_are_are_shown_plainly(commands: Commands) -> None:
    done = commands.within()
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"Usage: sshcast ")
    assert done.stderr.isascii()


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", "FORCE_COLOR", "COLUMNS"])
def test_no_variable_brings_boxes_colours_or_folds_into_a_pipe(commands: Commands, variable: str) -> None:
    made = Commands(commands.data, {variable: "40", "NO_COLOR": ""})
    done = made.within("run", "web", "--nothing-of-this-name-there-is", "--", "x" * 200)
    assert "--nothing-of-this-name-there-is" in the_line(done.stderr)


def test_on_a_terminal_an_error_is_coloured_and_still_one_line(commands: Commands) -> None:
    with on_terminal(commands, "env", "-u", "NO_COLOR", *SSHCAST, "run") as terminal:
        assert terminal.end() == 2
        assert terminal.shown == b"\x1b[31msshcast: Missing argument 'server': see `sshcast run --help`\x1b[0m\r\n"
