"""`sshcast tail` through a service."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.commands import ROOT, Commands
from tests.support.enrolled import SSHCAST, commands, openssh
from tests.support.signed_in import sign_in

__all__ = ["commands", "openssh"]


@pytest.fixture(scope="module")
def client(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with commands.serving() as url:
        yield sign_in(commands, url, tmp_path_factory.mktemp("client"))


def run(client: Commands, script: str) -> tuple[str, str]:
    """Run it; the execution's id and its last cursor."""
    done = client.within("run", "web", "--", script)
    lines = done.stderr.decode().splitlines()
    return lines[0].split()[1], lines[-1].split()[-1]


def test_it_shows_all_output_and_exits_with_the_status_of_the_command(client: Commands) -> None:
    id, cursor = run(client, "echo out; echo err >&2; exit 5")
    done = client.within("tail", id)
    assert (done.returncode, done.stdout) == (5, b"out\n")
    assert done.stderr.decode() == f"err\n[FAILED; exit status 5] cursor {cursor}\n"
    assert client.within("tail", "-q", id).stderr == b"err\n"


def test_it_begins_with_the_newest_lines_or_after_a_cursor(client: Commands) -> None:
    id, cursor = run(client, "seq 1 10")
    assert client.within("tail", "-q", "-n", "3", id).stdout == b"8\n9\n10\n"
    assert client.within("tail", "-q", "--after", cursor, id).stdout == b""
    assert client.within("tail", "-q", "--after", "o4", id).stdout == b"3\n4\n5\n6\n7\n8\n9\n10\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [(["--after", "nonsense"], "after: "), (["--after", "o1", "-n", "1"], "lines"), (["-n", "-1"], "lines")],
)
def test_what_the_service_refuses_is_one_line(client: Commands, args: list[str], words: str) -> None:
    id, _ = run(client, "true")
    done = client.within("tail", *args, id)
    assert done.returncode == 2
    assert done.stderr.startswith(b"sshcast: ")
    assert words in done.stderr.decode().lower()


def test_an_execution_that_is_not_there_is_told(client: Commands) -> None:
    done = client.within("tail", "999999")
    assert done.returncode == 2
    assert b"There is no execution 999999, or you may not see it." in done.stderr


def test_an_interrupt_leaves_and_does_not_touch_the_run(client: Commands) -> None:
    running = subprocess.Popen(
        [*SSHCAST, "run", "web", "--", "echo begun; sleep 4; echo ended"],
        cwd=ROOT,
        env=client.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stderr is not None
    id = running.stderr.readline().decode().split()[1]
    tail = subprocess.Popen(
        [*SSHCAST, "tail", id], cwd=ROOT, env=client.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert tail.stdout is not None
    assert tail.stdout.readline() == b"begun\n"
    tail.send_signal(signal.SIGINT)
    assert (*tail.communicate(timeout=30), tail.returncode) == (b"", b"", 130)
    shown, _ = running.communicate(timeout=60)
    assert (running.returncode, shown) == (0, b"begun\nended\n")
