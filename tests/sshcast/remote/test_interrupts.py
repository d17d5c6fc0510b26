"""Ctrl-C on what follows a run or a fleet run: it comes at once, is never lost, and no event is lost or shown twice."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sshcast.remote.interrupts import Interrupts
from tests.support.commands import ROOT, Commands
from tests.support.enrolled import commands, interrupt_fleet_run, openssh
from tests.support.signed_in import sign_in

__all__ = ["commands", "openssh"]

# Follows a run while SIGINT comes again and again, at any place of the program, and goes on after each.
FOLLOW = """
import base64, hashlib, random, signal, sys
from sshcast.notes import Notes
from sshcast.remote.choice import Choice, open_api
from sshcast.remote.following import Follower
from sshcast.remote.interrupts import Interrupts
from sshcast.remote.names import find_server_id
from sshcast.remote.patience import Patience
from sshcast.remote.running import OUTPUT, RUN

def show(event):
    if event["kind"] == "OutputChunk":
        shown.append(base64.b64decode(event["base64"]))
    return event["kind"] == "OutputEnd"

def come_again():
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.001, {longest}))

shown, count, interrupts = [], 0, Interrupts()
random.seed(7)
signal.signal(signal.SIGALRM, lambda *_: (come_again(), signal.raise_signal(signal.SIGINT)))
with open_api(Choice(local={local})) as api:
    wanted = {{"serverId": find_server_id(api, "web"), "command": {command!r}}}
    id = api.execute(RUN, {{"input": wanted}})["runCommand"]["execution"]["id"]
    follower = Follower(
        api=api, patience=Patience(Notes()), document=OUTPUT, root="executionOutput", advice="",
        variables={{"id": id, "text": False}}, interrupts=interrupts,
    )
    with interrupts.catch(api):
        come_again()
        while not follower.is_done:
            try:
                with interrupts.allow():
                    follower.follow(show)
            except KeyboardInterrupt:
                count += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
print(count, hashlib.sha256(b"".join(shown)).hexdigest())
"""
# A command line that gets SIGINT as soon as it has said that the run is started.
STARTED = """
import signal, sys
from sshcast.cli import main
from sshcast.remote.printing import Printer

def tell_change(*args, told=Printer.tell_change):
    told(*args)
    signal.raise_signal(signal.SIGINT)

Printer.tell_change = tell_change
sys.argv[:] = ["sshcast", *sys.argv[1:]]
main()
"""
COMMAND = "for i in $(seq 1 40); do seq -f $i.%g 1 200; sleep 0.1; done"


@pytest.fixture(scope="module")
def client(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands that are signed in to a service, which works on the same database for commands with `--local`."""
    with commands.serving() as url:
        found = sign_in(commands, url, tmp_path_factory.mktemp("client"))
        yield Commands(commands.data, {**found.variables, "SSHCAST_AS": "alice"})


@pytest.fixture(scope="module")
def alone(openssh: Any, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """Commands on a database of their own, which no service serves."""
    found = Commands(tmp_path_factory.mktemp("alone") / "data", {"XDG_CONFIG_HOME": "/nonexistent"})
    found.output("user", "add", "alice", "--role", "admin", "--password-stdin", stdin="correct horse battery\n")
    where = ["--host", openssh.host, "--port", str(openssh.port), "--user", openssh.username]
    key = ["--key", str(openssh.folder / "user"), "--host-key", openssh.host_key]
    found.output("server", "add", "web", *where, *key)
    return found


@pytest.mark.parametrize("way", ["remote", "beside a service", "alone"])
def test_however_often_it_is_interrupted_each_byte_comes_once(way: str, client: Commands, alone: Commands) -> None:
    used = alone if way == "alone" else client
    script = FOLLOW.format(local=way != "remote", command=COMMAND, longest=0.15)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=used.environment(),
        capture_output=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    count, digest = done.stdout.split()
    expected = "".join(f"{i}.{n}\n" for i in range(1, 41) for n in range(1, 201))
    assert digest.decode() == hashlib.sha256(expected.encode()).hexdigest()
    assert int(count) >= 10


@pytest.mark.parametrize("way", ["remote", "alone"])
def test_an_interrupt_right_after_the_start_of_a_fleet_run_cancels_it(
    way: str, client: Commands, alone: Commands
) -> None:
    """Between the answer and the first event too: nothing may be left running that was asked to be cancelled."""
    _, told = interrupt_fleet_run(alone if way == "alone" else client, "--server", "web", "--", "sleep 50")
    assert told.splitlines()[0] == "cancelling; Ctrl-C once more leaves at once"
    assert "[CANCELLED; 1 server: 1 cancelled]" in told


@pytest.mark.parametrize("way", ["remote", "alone"])
@pytest.mark.parametrize("command", ["task run", "execution retry"])
def test_an_interrupt_between_the_start_and_the_first_event_cancels_the_run(
    command: str, way: str, client: Commands, alone: Commands, tmp_path: Path
) -> None:
    used, marker = alone if way == "alone" else client, tmp_path / "marker"
    name = f"{command} {way}"
    used.output("task", "add", name, "--server", "web", "--", f"test ! -e {marker} || sleep 50")
    wanted = name
    if command == "execution retry":
        wanted = str(json.loads(used.output("task", "run", name, "--wait", "--json"))["id"])
    marker.touch()
    done = subprocess.run(
        [sys.executable, "-c", STARTED, *command.split(), wanted, "--wait"],
        cwd=ROOT,
        env=used.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    told = done.stderr.decode().splitlines()
    assert (done.returncode, told[1]) == (255, "cancelling; Ctrl-C once more leaves at once"), told
    assert told[-1].startswith("[CANCELLED"), told


class Waiting:
    """An API that is never waited for: only its answer to SIGINT counts."""

    place, is_local = "nowhere", False

    def execute(self, document: str, variables: Any = None) -> dict[str, Any]:
        raise NotImplementedError

    subscribe: Any = execute

    def interrupt(self) -> None:
        raise KeyboardInterrupt


def send() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def send_while_held(interrupts: Interrupts, reached: list[str]) -> None:
    with interrupts.hold():
        send()
        reached.append("whole")
    reached.append("never")


def test_a_signal_waits_for_the_next_place_where_it_is_allowed() -> None:
    interrupts, reached = Interrupts(), []
    with interrupts.catch(Waiting()):
        send()
        assert interrupts.has_come
        with pytest.raises(KeyboardInterrupt), interrupts.allow():
            reached.append("never")
        with pytest.raises(KeyboardInterrupt), interrupts.allow():
            send_while_held(interrupts, reached)
        with pytest.raises(KeyboardInterrupt), interrupts.allow():
            send()
    assert reached == ["whole"]


def test_a_second_signal_does_not_wait_and_one_that_waits_at_the_end_is_forgotten() -> None:
    interrupts = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    with interrupts.catch(Waiting()):
        send()
        with pytest.raises(KeyboardInterrupt):
            send()
        assert not interrupts.has_come
        send()
    assert not interrupts.has_come
    assert signal.getsignal(signal.SIGINT) is before
