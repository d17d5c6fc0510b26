"""`sshcast run` through a service: the same streams, notes and exit statuses as on this machine's database."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import ROOT, Commands
from tests.support.enrolled import SSHCAST, commands, openssh
from tests.support.signed_in import sign_in
from tests.support.terminal import on_terminal

__all__ = ["commands", "openssh"]

EVERY_BYTE = "".join(rf"\{n:03o}" for n in range(256))
UNREAD = b"stdin has bytes that were not passed on: use --stdin"
UNNEEDED = {
    "anyio",
    "httpx2",
    "pydantic",
    "rich",
    "schema",
    "resolvers",
    "db.models",
    "db.store",
    "sqlalchemy",
    "asyncio",
    "strawberry",
    "graphql",
    "asyncssh",
}


@pytest.fixture(scope="module")
def client(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with commands.serving() as url:
        yield sign_in(commands, url, tmp_path_factory.mktemp("client"))


def start(client: Commands, *args: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*SSHCAST, *args],
        cwd=ROOT,
        env=client.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def read_execution(client: Commands, id: str) -> dict[str, object]:
    done = client.within("execution", "show", id, "--json")
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_into_pipes_both_streams_are_byte_for_byte_and_the_status_is_the_command_s(client: Commands) -> None:
    every = bytes(range(256))
    script = f"printf '{EVERY_BYTE}\\347\\225'; printf '{EVERY_BYTE}' >&2; exit 7"
    done = client.within("run", "--quiet", "web", "--", script)
    assert (done.returncode, done.stdout, done.stderr) == (7, every + b"\xe7\x95", every)
    assert not client.data.exists()


def test_notes_say_which_execution_it_is_and_how_it_ended(client: Commands) -> None:
    done = client.within("run", "web", "--", "echo", "a b")
    assert done.stdout == b"a b\n"
    assert re.fullmatch(rb"execution \d+\n\[SUCCESS; exit status 0\] cursor o\d+\n", done.stderr)


def test_a_signal_and_a_time_limit_end_with_255_or_what_the_shell_says(client: Commands) -> None:
    done = client.within("run", "--timeout", "1", "web", "--", "sleep 30")
    assert done.returncode == 255
    assert b"[TIMEOUT" in done.stderr


def test_options_reach_the_command(client: Commands) -> None:
    options = ("--output-limit", "1000", "--on-output-limit", "truncate", "--merge-streams")
    done = client.within("run", *options, "web", "--", "seq 1 2000 >&2")
    assert done.returncode == 0
    assert done.stdout.startswith(b"1\n2\n")
    assert done.stdout.endswith(b"1999\n2000\n")
    assert re.search(rb"\[\d+ bytes over the output limit were left out here\]", done.stderr)


def test_stdin_is_passed_on_where_it_is_asked_for_and_told_of_where_it_is_not(client: Commands) -> None:
    data = bytes(range(256)) * 4096
    environment = client.environment()
    with_stdin, without = (
        subprocess.run(
            [*SSHCAST, "run", *options, "web", "--", "sha256sum"],
            cwd=ROOT,
            env=environment,
            input=data,
            capture_output=True,
            timeout=60,
        )
        for options in (["--stdin"], [])
    )
    assert with_stdin.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert without.stdout.split()[0].decode() == hashlib.sha256(b"").hexdigest()
    assert (with_stdin.stderr.count(UNREAD), without.stderr.count(UNREAD)) == (0, 1)


def test_too_much_stdin_is_refused_before_anything_is_run(client: Commands) -> None:
    before = client.within("execution", "list", "-n", "1").stdout
    done = client.within("run", "--stdin", "web", "--", "cat", stdin="x" * (1024 * 1024 + 1))
    assert done.returncode == 2
    assert done.stderr.startswith(b"sshcast: stdin: there is more than 1048576 bytes of it")
    assert client.within("execution", "list", "-n", "1").stdout == before


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["web"], 2, "Missing argument 'command': see `sshcast run --help`"),
        ([], 2, "Missing argument 'server': see `sshcast run --help`"),
        (["nowhere", "--", "true"], 1, "there is no server nowhere"),
        (["--timeout", "0", "web", "--", "true"], 2, "timeoutSeconds"),
        (["--as", "bob", "web", "--", "true"], 1, "--as is for the database of this machine"),
        (["--batch", "5", "web", "--", "true"], 2, "are for many servers"),
    ],
)
def test_what_is_wrong_is_one_line(client: Commands, args: list[str], status: int, words: str) -> None:
    done = client.within("run", *args)
    said = done.stderr.decode()
    assert (done.returncode, said.count("\n")) == (status, 1), said
    assert said.startswith("sshcast: ")
    assert words in said


def test_it_imports_no_part_of_the_service(client: Commands, tmp_path: Path) -> None:
    path = tmp_path / "modules"
    show = f"import atexit, sys; atexit.register(lambda: print(*sys.modules, file=open({str(path)!r}, 'w')))\n"
    script = f"{show}from sshcast.cli import main; main()"
    command = [sys.executable, "-c", script, "run", "-q", "web", "--", "true"]
    subprocess.run(command, cwd=ROOT, env=client.environment(), check=True, timeout=60, stdin=subprocess.DEVNULL)
    found = set(path.read_text().split())
    assert "sshcast.remote.http_api" in found
    assert found & UNNEEDED == set()


def test_a_short_run_takes_three_requests_over_one_connection(
    client: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's id, the start, and the output: each more is a way to the service and back."""
    seen: list[str] = []
    for name in ("connect", "request"):
        monkeypatch.setattr(HTTPConnection, name, note(getattr(HTTPConnection, name), name, seen))
    assert client.within("run", "-q", "web", "--", "true").returncode == 0
    assert seen == ["connect", "request", "request", "request"]


def note(function: Callable[..., Any], name: str, seen: list[str]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        seen.append(name)
        return function(*args, **options)

    return call


def test_a_terminal_gets_text_that_cannot_control_it(client: Commands) -> None:
    script = r"printf '1%%\r2%%\r\033]0;t\007\033[1A'; printf '\347\225'; sleep 0.3; printf '\214'"
    with on_terminal(client, *SSHCAST, "run", "web", "--", script) as terminal:
        assert terminal.end() == 0
    lines = terminal.shown.split(b"\r\n")
    assert re.fullmatch(rb"execution \d+", lines[0])
    assert lines[1] == b"1%\r2%\r\xe7\x95\x8c"
    assert lines[2].startswith(b"[SUCCESS; exit status 0]")


def test_a_first_interrupt_cancels_the_run_and_shows_how_it_ended(client: Commands) -> None:
    process = start(client, "run", "web", "--", "trap 'echo bye; exit 3' TERM; echo begun; while :; do sleep 0.1; done")
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    shown, told = process.communicate(timeout=60)
    lines = told.decode().splitlines()
    assert (process.returncode, shown) == (255, b"bye\n"), told
    assert lines[1] == "cancelling; Ctrl-C once more leaves at once"
    assert lines[-1].startswith("[CANCELLED")
    assert read_execution(client, lines[0].split()[1])["state"] == "CANCELLED"


def test_a_second_interrupt_leaves(client: Commands) -> None:
    process = start(client, "run", "web", "--", "trap '' TERM INT HUP; echo begun; while :; do sleep 0.97; done")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"begun\n"
    id = process.stderr.readline().decode().split()[1]
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == b"cancelling; Ctrl-C once more leaves at once\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.decode()) == (130, f"left; how it went on: sshcast tail {id}\n")


def test_a_reader_who_has_enough_cancels_the_run(client: Commands) -> None:
    program = " ".join(SSHCAST)
    script = f"{program} run web -- 'while echo y; do sleep 0.05; done' | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=client.environment(),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (141, b"y\n"), done.stderr
    id = done.stderr.decode().split()[1]
    assert read_execution(client, id)["state"] == "CANCELLED"


def test_without_a_context_or_with_local_it_is_this_machine_s_database(commands: Commands, client: Commands) -> None:
    local = Commands(commands.data, {**client.variables, "SSHCAST_AS": "alice"})
    done = local.within("run", "--local", "web", "--", "echo here")
    assert (done.returncode, done.stdout) == (0, b"here\n"), done.stderr
    id = done.stderr.decode().split()[1]
    shown = local.within("tail", "--local", id)
    assert (shown.returncode, shown.stdout) == (0, b"here\n")
    assert os.path.exists(commands.data)
