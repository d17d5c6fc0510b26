"""`sshcast watch` and `sshcast events`."""

import json
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support.commands import ROOT, Commands
from tests.support.cutting_proxy import cutting_proxy
from tests.support.enrolled import SSHCAST, commands, openssh
from tests.support.signed_in import in_thread, signed_in_by_tls

__all__ = ["commands", "openssh"]


@pytest.fixture(scope="module")
def url(commands: Commands) -> Iterator[str]:
    with commands.serving() as found:
        yield found


@pytest.fixture(scope="module")
def client(commands: Commands, url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with signed_in_by_tls(commands, url, tmp_path_factory.mktemp("client")) as found:
        yield found


@contextmanager
def following(client: Commands, *args: str) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        [*SSHCAST, *args], cwd=ROOT, env=client.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_cursor(client: Commands) -> str:
    """The cursor of an event from now on: of the first that a run makes."""
    with following(client, "events", "--json") as process:
        found = read_first(process, lambda: client.within("run", "-q", "web", "--", "true"))
    return str(json.loads(found)["cursor"])


def read_first(process: "subprocess.Popen[bytes]", act: Callable[[], object]) -> bytes:
    """The first line that is shown of what is done again and again: nothing tells when a process begins to follow."""
    assert process.stdout is not None
    deadline = time.monotonic() + 60
    while not select.select([process.stdout], [], [], 0.2)[0]:
        assert time.monotonic() < deadline
        act()
    return process.stdout.readline()


def test_events_come_as_json_lines_with_cursors_to_go_on_from(client: Commands) -> None:
    after = read_cursor(client)
    id = client.within("run", "web", "--", "exit 3").stderr.decode().split()[1]
    kinds = "EXECUTION_CREATED,execution_started,EXECUTION_ENDED"
    with following(client, "events", "--json", "--after", after, "--types", kinds) as process:
        assert process.stdout is not None
        found: list[dict[str, str]] = []
        while not found or (found[-1]["kind"], found[-1]["executionId"]) != ("EXECUTION_ENDED", id):
            found.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGINT)
        assert (process.wait(30), process.stderr and process.stderr.read()) == (130, b"")
    mine = [each for each in found if each["executionId"] == id]
    assert [each["kind"] for each in mine] == ["EXECUTION_CREATED", "EXECUTION_STARTED", "EXECUTION_ENDED"]
    assert len({each["cursor"] for each in found}) == len(found)
    with following(client, "events", "--after", mine[0]["cursor"], "--types", kinds) as process:
        assert process.stdout is not None
        cells = process.stdout.readline().decode().rstrip("\n").split("\t")
    assert (cells[0], cells[2], cells[4]) == (mine[1]["cursor"], "EXECUTION_STARTED", f"execution {id}")


def test_events_after_a_cursor_come_once_each_across_cuts(client: Commands, url: str, tmp_path: Path) -> None:
    after = read_cursor(client)
    for _ in range(4):
        assert client.within("run", "-q", "web", "--", "true").returncode == 0

    def read(reader: Commands, count: int) -> list[bytes]:
        with following(reader, "events", "--after", after, "--types", "EXECUTION_ENDED") as process:
            assert process.stdout is not None
            return [process.stdout.readline() for _ in range(count)]

    whole = read(client, 4)
    with in_thread(partial(cutting_proxy, url, cuts=1)) as proxy:
        assert read(sign_in_through(client, proxy.url, tmp_path), 4) == whole
        assert proxy.cuts == 1


def sign_in_through(client: Commands, url: str, folder: Path) -> Commands:
    """The same session, by another address."""
    stored = (Path(client.variables["XDG_CONFIG_HOME"]) / "sshcast" / "contexts.json").read_text()
    contexts = json.loads(stored)
    contexts["contexts"]["service"]["url"] = url
    (folder / "sshcast").mkdir()
    (folder / "sshcast" / "contexts.json").write_text(json.dumps(contexts))
    return Commands(client.data, {**client.variables, "XDG_CONFIG_HOME": str(folder)})


def test_watch_shows_executions_as_they_begin_and_end(client: Commands) -> None:
    with following(client, "watch", "--server", "web") as process:
        assert process.stdout is not None
        shown = [read_first(process, lambda: client.within("run", "web", "--", "exit 3"))]
        id = client.within("run", "web", "--", "exit 3").stderr.decode().split()[1]
        while f"\t{id}\tFAILED\t".encode() not in shown[-1]:
            shown.append(process.stdout.readline())
    lines = [line.decode().rstrip("\n").split("\t") for line in shown]
    begin, end = [line for line in lines if line[1] == id]
    assert (begin[1:6], begin[-1]) == ([id, "RUNNING", "web", "-", "alice"], "exit 3")
    assert (end[1:4], end[6]) == ([id, "FAILED", "web"], "exit status 3")


def test_watch_shows_only_the_states_that_are_asked_for(client: Commands) -> None:
    def run_both() -> None:
        client.within("run", "-q", "web", "--", "true")
        client.within("run", "-q", "web", "--", "exit 9")

    with following(client, "watch", "--state", "failed", "--json") as process:
        found = json.loads(read_first(process, run_both))
    assert (found["state"], found["execution"]["exitCode"]) == ("FAILED", 9)


def test_a_cursor_that_is_none_and_a_kind_that_is_none_are_refused(client: Commands) -> None:
    for args in (["--after", "nonsense"], ["--types", "NONSENSE"]):
        done = client.within("events", *args)
        assert done.returncode in (1, 2)
        assert done.stderr.startswith(b"sshcast: ")
        assert done.stderr.count(b"\n") == 1
