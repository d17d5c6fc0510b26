"""Lines are taken out of the crontab and adopted around a minute's turn, beside a cron that runs: none runs twice."""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import ROOT
from tests.support.crontab import CronHost, StandIn, find_kinds, running_cron, serving_beside_cron
from tests.support.faults.work import FULL

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]
MINUTE = 60
TURNS = 6 if FULL else 2
# When two lines are taken out, in seconds from their turn. Never both between 1 and 2: Debian's cron reads the
# crontab then, and tells changes apart by whole seconds, so that it would not notice one right after it has read.
MOMENTS = (((-9.0, -5.0), (-2.5, 0.8)), ((-2.5, -0.05), (1.2, 3.0)))
LINES_A_TURN = 2
# Adopters start so many seconds before the turn.
LEAD = 25
ADOPTERS = 2
CLOSE = 1.5
# Gives the command again and again until it succeeds, in a process that has its modules imported: looks follow closely.
ADOPTER = """
import sys
from sshcast.cli import main
while True:
    sys.argv = ["sshcast", "crontab", "adopt", sys.argv[-1]]
    try:
        main()
    except SystemExit as ended:
        print("status", ended.code, file=sys.stderr, flush=True)
        if not ended.code:
            break
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[CronHost]:
    (tmp_path / "race").mkdir()
    with serving_beside_cron(tmp_path / "race") as found:
        yield found


@dataclass(slots=True)
class Racer:
    """A line of every minute, and its task. `refusals`: adoptions that found the line; `left`: adopters at work."""

    number: int
    id: str
    turn: float
    refusals: int = 0
    left: int = ADOPTERS
    changed: threading.Condition = field(default_factory=threading.Condition)

    def count_refusal(self, line: str) -> bool:
        """Count a line of an adopter that says it was refused, and no other."""
        is_refusal = line.split() == ["status", "1"]
        with self.changed:
            self.refusals += is_refusal
            self.changed.notify_all()
        assert time.time() < self.turn + MINUTE, f"task {self.id} was refused to the end: {line}"
        assert not line.startswith("not adopted: ") or "cron still runs it" in line, line
        return is_refusal

    def end_adopter(self) -> None:
        with self.changed:
            self.left -= 1
            self.changed.notify_all()

    def wait_for_refusal(self) -> None:
        """Wait until some adoption has looked while the line was there."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.refusals or not self.left, MINUTE)


@dataclass(slots=True)
class Race:
    """Lines that say when they ran, and whether it was one of our runs."""

    host: CronHost
    folder: Path
    lock: threading.Lock = field(default_factory=threading.Lock)

    def build_line(self, number: int) -> str:
        return rf'* * * * * echo "$(date +\%s) ${{SSHCAST_SPOOL:+ours}}" >> {self.folder}/{number}.ran'

    def remove(self, racer: Racer, moment: float) -> None:
        wait_until(moment)
        racer.wait_for_refusal()
        with self.lock:
            self.host.remove(f"/{racer.number}.ran")

    def adopt(self, racer: Racer) -> None:
        """Try until it is adopted."""
        wait_until(racer.turn - LEAD)
        environment = self.host.remote.commands.environment()
        command = [sys.executable, "-c", ADOPTER, racer.id]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            try:
                told = [line for line in process.stderr if not racer.count_refusal(line)]
            finally:
                process.kill()
                racer.end_adopter()
        assert told[-1].split() == ["status", "0"], "".join(told)

    def read_runs(self, number: int) -> tuple[Counter[int], int]:
        """Return cron's runs by minute, and the number of ours."""
        words = [line.split() for line in (self.folder / f"{number}.ran").read_text().splitlines()]
        by_cron = Counter(int(each[0]) // MINUTE for each in words if len(each) == 1)
        return by_cron, sum(len(each) == 2 for each in words)

    def read_ledger(self, id: str) -> dict[str, list[int]]:
        """Return the slots of a task by outcome, in minutes."""
        rows = json.loads(self.host.remote.output("schedule", "ledger", "--task", id, "--json"))
        found: dict[str, list[int]] = {"SHADOWED": [], "FIRED": []}
        for row in rows:
            found.setdefault(row["outcome"], []).append(int(read_time(row["slot"])) // MINUTE)
        return found

    def check(self, racer: Racer) -> float:
        """Hold cron's runs against ours and the ledger. Return how long after the turn it was adopted."""
        by_cron, ours = self.read_runs(racer.number)
        ledger = self.read_ledger(racer.id)
        since = read_time(self.show(racer.id)["scheduleModeSince"])
        told = (
            f"line {racer.number}, adopted at {since - racer.turn:+.2f} s: cron {dict(by_cron)}, ours {ours}, {ledger}"
        )
        assert set(ledger) == {"SHADOWED", "FIRED"}, told
        slots = ledger["SHADOWED"] + ledger["FIRED"]
        assert len(slots) == len(set(slots)), told
        assert max(by_cron.values(), default=0) <= 1, told
        assert set(by_cron) <= set(ledger["SHADOWED"]), told
        assert all(slot * MINUTE <= since for slot in ledger["SHADOWED"]), told
        assert all(slot * MINUTE > since for slot in ledger["FIRED"]), told
        assert ours == len(ledger["FIRED"]) > 0, told
        return since - racer.turn

    def show(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.host.remote.output("task", "show", id, "--json"))
        return found


def wait_until(moment: float) -> None:
    time.sleep(max(0, moment - time.time()))


def read_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_stand_in_runs_what_the_crontab_has_at_each_turn(tmp_path: Path) -> None:
    def write(*names: str) -> None:
        lines = ["# a comment", "0 0 1 1 * touch never"] + [f"* * * * * echo >> {tmp_path}/{name}" for name in names]
        (tmp_path / "new").write_text("\n".join(lines) + "\n")
        (tmp_path / "new").rename(tmp_path / "root")

    def wait_for(name: str, count: int) -> None:
        deadline = time.monotonic() + 20
        while not (tmp_path / name).exists() or (tmp_path / name).stat().st_size < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    write("one", "two")
    loop = StandIn(tmp_path, minute=0.5)
    thread = threading.Thread(target=loop.run)
    thread.start()
    wait_for("two", 1)
    write("one")
    wait_for("one", (tmp_path / "one").stat().st_size + 3)
    had = (tmp_path / "two").stat().st_size
    wait_for("one", (tmp_path / "one").stat().st_size + 3)
    loop.stopping.set()
    thread.join(10)
    assert (tmp_path / "two").stat().st_size == had


@pytest.mark.parametrize("kind", find_kinds() if FULL else find_kinds()[:1])
def test_each_minute_runs_at_most_once_and_the_ledger_says_whose_it_was(
    host: CronHost, tmp_path: Path, kind: str
) -> None:
    seed = random.randrange(10_000)
    chance, race = random.Random(seed), Race(host, tmp_path)
    numbers = range(TURNS * LINES_A_TURN)
    host.write(*map(race.build_line, numbers))
    rows = json.loads(host.remote.output("crontab", "import", "demo", "--yes", "--json"))
    first = -(-(time.time() + LEAD + 3) // MINUTE) * MINUTE
    racers = [Racer(at, row["id"], first + MINUTE * (at // LINES_A_TURN)) for at, row in enumerate(rows)]
    print(f"{kind}, seed {seed}")
    with running_cron(kind, host.spool, tmp_path), ThreadPoolExecutor((1 + ADOPTERS) * len(numbers)) as pool:
        tries = [pool.submit(race.adopt, racer) for racer in racers for _ in range(ADOPTERS)]
        for racer in racers:
            turn, place = divmod(racer.number, LINES_A_TURN)
            moment = racer.turn + chance.uniform(*MOMENTS[turn % len(MOMENTS)][place])
            tries.append(pool.submit(race.remove, racer, moment))
        for each in tries:
            each.result()
        wait_until(racers[-1].turn + MINUTE + 12)
    adopted = [race.check(racer) for racer in racers]
    told = "; ".join(f"{each:+.2f} s ({racer.refusals} refused)" for each, racer in zip(adopted, racers, strict=True))
    print(f"adopted at {told}; {sum(abs(each) < CLOSE for each in adopted)} within {CLOSE} s of the turn")
    assert min(racer.refusals for racer in racers) > 0, told
    assert sum(len(race.read_runs(number)[0]) for number in numbers) > 0, "cron ran nothing"
    assert min(adopted) < 0 < max(adopted), told
