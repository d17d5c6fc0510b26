"""The target's sshd is killed, or the target restarts: runs go on or are told to be lost, and none runs twice."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults import work
from tests.support.faults.service import Mortal, serving
from tests.support.faults.sshd import Sshd, mortal_sshd, needs_mounts
from tests.support.faults.work import FULL, Found, Job

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(1800)]

RUNS = 200 if FULL else 40
KILLS = 30 if FULL else 6
EACH = 5 if FULL else 3  # all at once: a server runs ten commands at a time


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    folder = tmp_path / "sshd"
    folder.mkdir()
    with mortal_sshd(folder) as started:
        yield started


@pytest.fixture
def service(sshd: Sshd, tmp_path: Path) -> Iterator[Mortal]:
    with serving(tmp_path / "data", sshd.target) as mortal:
        yield mortal


async def kill_again_and_again(sshd: Sshd) -> None:
    chance = random.Random(5)
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.5, 3.0))
        await asyncio.to_thread(sshd.kill)
        await asyncio.sleep(chance.choice([0, 0.5, 2.0]))
        await asyncio.to_thread(sshd.start)


async def test_runs_outlive_an_sshd_that_is_killed_and_started_again(
    service: Mortal, sshd: Sshd, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    jobs = work.jobs(tmp_path / "work", RUNS, seed=5)
    killing = asyncio.create_task(kill_again_and_again(sshd), name="killer of sshd")
    found = await work.carried_out(service, jobs, at_once=4)
    await killing
    work.shown("sshd killed", found)
    assert [fault for each in found for fault in each.faults] == []
    assert sum(each.unreached for each in found) < RUNS / 2


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "unwatched"])
async def test_a_reboot_loses_what_ran_and_keeps_the_record_of_what_had_ended(
    service: Mortal, sshd: Sshd, watched: bool, tmp_path: Path
) -> None:
    needs_mounts()
    ending = [
        told(tmp_path, f"ending-{n}", 'until [ -e "$release" ]; do sleep 0.05; done; exit 3') for n in range(EACH)
    ]
    going = [told(tmp_path, f"going-{n}", "sleep 300") for n in range(EACH)]
    async with service.client() as client:
        ids = [await service.calls(work.submitted, client, 1, job) for job in [*ending, *going]]
        await until_all_ran([*ending, *going])
        if not watched:
            service.kill()
        (tmp_path / "release").touch()
        await until_gone(sshd, "ending")
        await asyncio.to_thread(sshd.reboot)
        if not watched:
            service.start()
        pairs = zip(ids, [*ending, *going], strict=True)
        found = [await service.calls(work.found, client, id, job) for id, job in pairs]
    assert [fault for each in found[:EACH] for fault in each.faults] == []
    assert [is_lost(each) for each in found[EACH:]] == [True] * EACH, [each.log for each in found[EACH:]]
    await until_gone(sshd, "")


def told(folder: Path, key: str, rest: str) -> Job:
    """A job that says that it ran, to us and in its output, and then goes on with `rest`."""
    counter = folder / f"{key}.ran"
    command = f"release={folder}/release; echo {key}; echo ran >>{counter}; {rest}"
    return Job(key, command, work.sha(f"{key}\n".encode()), work.sha(b""), 3, counter)


def is_lost(found: Found) -> bool:
    """Told to have been lost by a restart, with the output up to there, and not run again."""
    why = "[sshcast] LOST" in found.log["error"] and "restarted" in found.log["error"]
    return why and found.log["state"] == "FAILED" and (found.out, found.times) == (found.job.out, 1)


async def until_all_ran(jobs: list[Job]) -> None:
    async with asyncio.timeout(30):
        while not all(job.counter.exists() for job in jobs):  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.05)


async def until_gone(sshd: Sshd, key: str) -> None:
    """Return when nothing on the target has the key in its arguments, neither a command nor what supervises it."""
    async with asyncio.timeout(30):
        while any(key in arguments(pid) for pid in sshd.processes()):  # noqa: ASYNC110 - nor has a process
            await asyncio.sleep(0.05)


def arguments(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
