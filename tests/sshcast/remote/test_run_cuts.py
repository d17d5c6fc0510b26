"""What `sshcast run` and `tail` do when the connection is cut, the service restarts, or an answer is lost."""

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.remote.api import ConnectionLost
from sshcast.remote.patience import Patience
from tests.support.commands import ROOT, Commands
from tests.support.cutting_proxy import cutting_proxy
from tests.support.enrolled import SSHCAST, commands, openssh
from tests.support.signed_in import Restarted, in_thread, losing_answers, restarting, sign_in

__all__ = ["commands", "openssh"]

# 20 MB that a shell makes quickly, and that no two parts of are equal.
MAKE = "seq -f '%019.0f' 1 1000000"
SIZE = 20_000_000


@pytest.fixture(scope="module")
def service(commands: Commands) -> Iterator[Restarted]:
    with restarting(commands) as found:
        yield found


def expected_digest() -> str:
    made = subprocess.run(["bash", "-c", MAKE], capture_output=True, check=True).stdout
    assert len(made) == SIZE
    return hashlib.sha256(made).hexdigest()


def wait_for_bytes(path: Path, size: int) -> None:
    deadline = time.monotonic() + 60
    while path.stat().st_size < size:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def count_runs(client: Commands) -> int:
    return len(json.loads(client.within("execution", "list", "--json", "-n", "100").stdout))


def test_20_mb_through_a_proxy_that_cuts_three_times_come_whole(service: Restarted, tmp_path: Path) -> None:
    with in_thread(partial(cutting_proxy, service.url)) as proxy:
        client = sign_in(service.commands, proxy.url, tmp_path)
        done = client.run("run", "--output-limit", "30000000", "web", "--", MAKE, timeout=120)
        assert proxy.cuts == 3
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).hexdigest() == expected_digest()
    assert done.stderr.count(b"waiting for the service") == 3
    assert done.stderr.count(b"connected again") == 3


def test_tail_after_a_cursor_goes_on_across_cuts_too(service: Restarted, tmp_path: Path) -> None:
    client = sign_in(service.commands, service.url, tmp_path / "direct")
    id = client.within("run", "web", "--", "seq 1 200000").stderr.decode().split()[1]
    with in_thread(partial(cutting_proxy, service.url)) as proxy:
        cut = sign_in(service.commands, proxy.url, tmp_path / "cut")
        done = cut.run("tail", id)
        assert proxy.cuts == 3
    assert done.stdout == "".join(f"{number}\n" for number in range(1, 200_001)).encode()


def test_a_run_whose_answer_is_lost_is_asked_for_again_and_runs_once(service: Restarted, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    with in_thread(partial(losing_answers, service.url, "runCommand", 2)) as proxy:
        client = sign_in(service.commands, proxy.url, tmp_path)
        before = count_runs(client)
        done = client.run("run", "web", "--", f"echo ran | tee -a {counter}")
        assert proxy.lost == 2
        assert count_runs(client) == before + 1
    assert (done.returncode, done.stdout) == (0, b"ran\n"), done.stderr
    assert counter.read_text() == "ran\n"


def test_a_service_that_is_killed_and_started_again_loses_nothing(service: Restarted, tmp_path: Path) -> None:
    client = sign_in(service.commands, service.url, tmp_path)
    script = 'for i in $(seq 1 60); do seq -f "$i %.0f" 1 2000; sleep 0.1; done'
    shown = tmp_path / "shown"
    with shown.open("wb") as file:
        process = subprocess.Popen(
            [*SSHCAST, "run", "web", "--", script],
            cwd=ROOT,
            env=client.environment(),
            stdin=subprocess.DEVNULL,
            stdout=file.fileno(),
            stderr=subprocess.PIPE,
        )
    wait_for_bytes(shown, 10_000)
    service.kill()
    time.sleep(1)
    service.start()
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert shown.read_bytes() == "".join(f"{i} {n}\n" for i in range(1, 61) for n in range(1, 2001)).encode()
    assert b"waiting for the service, for 600 s at most" in told


def wait_for_ever(patience: Patience) -> None:
    for _ in range(50):
        patience.wait(ConnectionLost("it is away"), "look there")


def test_who_has_waited_long_enough_is_told_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    patience = Patience(Notes(), seconds=1)
    with pytest.raises(CommandFailed, match=r"it is away; there was no answer for 1 s: look there$"):
        wait_for_ever(patience)
    assert capsys.readouterr().err.count("waiting for the service") == 1
