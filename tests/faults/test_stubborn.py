"""Process trees that do not want to end: each is gone within five seconds of its stop, or what lives is named."""

import asyncio
import json
import os
import signal
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from db.migrate import migrate
from db.models import TaskExecution
from db.store import open_store
from db.values import Mode, State
from tests.support import runs
from tests.support.faults.sshd import having, is_alive
from tests.support.faults.work import FULL
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.targets import Target, running_sshd

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(900)]

TREES = 100 if FULL else 20
AT_ONCE = 5
MOST_SECONDS = 5.0
LIMIT = 2
DEAF = "trap '' TERM HUP INT QUIT USR1"
SHAPES = {
    "deaf shell": f"{DEAF}; while :; do sleep 1; done",
    "deaf child": f"({DEAF}; exec sleep 300) & wait",
    "deaf pipeline": f"({DEAF}; sleep 300; :) | ({DEAF}; sleep 300; :) | ({DEAF}; cat; sleep 300)",
    "deaf session of its own": f'setsid sh -c "{DEAF}; sleep 300; :" & {DEAF}; sleep 300; :',
    "double fork": f'(setsid sh -c "{DEAF}; (sleep 300; :) & (exec sleep 300) & wait; sleep 300" &); sleep 300',
    "orphans": f"for n in 1 2 3 4 5 6; do ({DEAF}; setsid sleep 300 &); done; sleep 300",
    "born of a signal": f"trap 'setsid sh -c \"{DEAF}; sleep 300; :\" & exit' TERM; while :; do sleep 0.1; done",
    "halted": "sh -c 'kill -STOP $$' & sleep 300",
    "flood": f"{DEAF}; while :; do echo more; sleep 0.05; done",
    "closed streams": f"({DEAF}; exec setsid sleep 300 >/dev/null 2>&1 </dev/null) & exec sleep 300",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """What the record says, how long the end took from when it was due, and what then lives on the target."""

    shape: str
    row: TaskExecution
    seconds: float
    alive: list[int]

    @property
    def fault(self) -> str | None:
        named = all(str(pid) in (self.row.message or "") for pid in self.alive)
        if self.row.state not in (State.CANCELLED, State.TIMEOUT):
            return f"{self.shape}: is {self.row.state}, {self.row.message}"
        if self.alive and (self.row.verified_gone or not named):
            return f"{self.shape}: {self.alive} live, and the record says {self.row.message!r}"
        if not self.alive and not self.row.verified_gone:
            return f"{self.shape}: the record does not say that it is gone: {self.row.message!r}"
        return f"{self.shape}: took {self.seconds:.1f} s" if self.seconds > MOST_SECONDS else None


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    folder = tmp_path / "sshd"
    folder.mkdir()
    with running_sshd(folder) as started:
        yield started
        for pid in having(f"HOME={folder / 'home'}"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
async def rig(tmp_path: Path, target: Target) -> AsyncIterator[Rig]:
    store = await open_store(f"sqlite:///{tmp_path / 'test.db'}")
    await migrate(store)
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as started:
        yield started
    await store.close()


async def cancelled(rig: Rig, server: int, shape: str) -> Ended:
    id = await rig.pending(server, f"echo up; {SHAPES[shape]}")
    await rig.printed(id)
    asked = runs.now()
    await rig.cancel(id)
    return look(shape, await rig.ended(id), asked)


async def timed_out(rig: Rig, server: int, shape: str) -> Ended:
    id = await rig.pending(server, f"echo up; {SHAPES[shape]}", timeout_seconds=LIMIT)
    await rig.printed(id)
    printed = runs.now()
    return look(shape, await rig.ended(id), printed + timedelta(seconds=LIMIT))


def look(shape: str, row: TaskExecution, due: datetime) -> Ended:
    assert row.end_time is not None
    assert row.remote is not None
    living = [pid for pid in having(f"SSHCAST_SPOOL={row.remote['spool']}") if is_alive(pid)]
    return Ended(shape, row, (row.end_time - due).total_seconds(), living)


async def test_each_is_verified_gone_within_five_seconds_or_named(rig: Rig, target: Target) -> None:
    server = await rig.server(target, run_mode=Mode.DURABLE)
    await rig.ran(server, "true")
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Ended:
        shape, way = list(SHAPES)[number // 2 % len(SHAPES)], (cancelled, timed_out)[number % 2]
        async with turns:
            return await way(rig, server, shape)

    found = await asyncio.gather(*(one(number) for number in range(TREES)))
    took = sorted(each.seconds for each in found)
    gone = sum(each.row.verified_gone is True for each in found)
    figures = {"gone": gone, "median seconds": statistics.median(took), "longest": took[-1]}
    print(json.dumps({"stubborn trees": len(found)} | figures))
    assert [each.fault for each in found if each.fault] == []
