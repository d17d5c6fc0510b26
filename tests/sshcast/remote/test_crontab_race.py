"""Lines are taken out of the crontab and adopted around a minute's turn, beside a cron that runs: none runs twice."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.crontab import CronHost, running_cron, serving_beside_cron

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
MINUTE = 60
TURNS, LINES_A_TURN = 4, 2
AROUND = 2.5


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CronHost]:
    with serving_beside_cron(tmp_path_factory.mktemp("race")) as found:
        yield found


@dataclass(slots=True)
class Race:
    """Lines of every minute; each says when it ran, and whether it was one of our runs."""

    host: CronHost
    folder: Path
    lock: threading.Lock = field(default_factory=threading.Lock)

    def build_line(self, number: int) -> str:
        return rf'* * * * * echo "$(date +\%s) ${{SSHCAST_SPOOL:+ours}}" >> {self.folder}/{number}.ran'

    def remove(self, number: int, moment: float) -> int:
        time.sleep(max(0, moment - time.time()))
        with self.lock:
            self.host.remove(f"/{number}.ran")
        return 0

    def adopt(self, id: str, begin: float) -> int:
        """Try until it is adopted; return how often it was refused."""
        time.sleep(max(0, begin - time.time()))
        for refused in range(100):
            done = self.host.remote.run("crontab", "adopt", id)
            if done.returncode == 0:
                return refused
            assert b"cron still runs it" in done.stderr, done.stderr.decode()
        raise AssertionError(f"task {id} was refused to the end")

    def read_runs(self, number: int) -> tuple[Counter[int], int]:
        """Return cron's runs by minute, and the number of ours."""
        words = [line.split() for line in (self.folder / f"{number}.ran").read_text().splitlines()]
        return Counter(int(each[0]) // MINUTE for each in words if len(each) == 1), sum(
            len(each) == 2 for each in words
        )

    def read_ledger(self, id: str) -> dict[str, list[int]]:
        """Return the slots of a task by outcome, in minutes."""
        rows = json.loads(self.host.remote.output("schedule", "ledger", "--task", id, "--json"))
        found: dict[str, list[int]] = {}
        for row in rows:
            found.setdefault(row["outcome"], []).append(read_minute(row["slot"]))
        return found


def read_minute(text: str) -> int:
    found: Any = time.strptime(text[:16], "%Y-%m-%dT%H:%M")
    return int(time.mktime(found) - time.timezone) // MINUTE


def test_each_minute_runs_at_most_once_and_the_ledger_says_whose_it_was(host: CronHost, tmp_path: Path) -> None:
    seed = random.randrange(10_000)
    chance, race = random.Random(seed), Race(host, tmp_path)
    numbers = range(TURNS * LINES_A_TURN)
    host.write(*map(race.build_line, numbers))
    rows = json.loads(host.remote.output("crontab", "import", "demo", "--yes", "--json"))
    ids = [row["id"] for row in rows]
    with running_cron(host, tmp_path) as kind, ThreadPoolExecutor(3 * len(numbers)) as pool:
        first = (time.time() // MINUTE + 2) * MINUTE
        tries = []
        for number in numbers:
            turn = first + MINUTE * (number // LINES_A_TURN)
            tries += [pool.submit(race.adopt, ids[number], turn - 20) for _ in range(2)]
            tries.append(pool.submit(race.remove, number, turn + chance.uniform(-AROUND, AROUND)))
        for each in tries:
            each.result()
        time.sleep(max(0, first + MINUTE * (TURNS + 1) + 20 - time.time()))
    for number, id in zip(numbers, ids, strict=True):
        by_cron, ours = race.read_runs(number)
        ledger = race.read_ledger(id)
        told = f"{kind}, seed {seed}, line {number}: cron {dict(by_cron)}, ours {ours}, ledger {ledger}"
        assert set(ledger) == {"SHADOWED", "FIRED"}, told
        slots = ledger["SHADOWED"] + ledger["FIRED"]
        assert len(slots) == len(set(slots)), told
        assert max(by_cron.values()) == 1, told
        assert not set(by_cron) & set(ledger["FIRED"]), told
        assert set(by_cron) <= set(ledger["SHADOWED"]), told
        assert ours == len(ledger["FIRED"]) > 0, told
    print(f"{kind}, seed {seed}: {sum(each.result() for each in tries)} adoptions were refused")
