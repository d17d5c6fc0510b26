"""A disk is full, ours or the target's: it is told, the record stays true, and all goes on once there is room again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from db.migrate import migrate
from db.store import open_store
from db.values import Mode, Reason, State
from tests.support.faults import work
from tests.support.faults.disk import fill, free, small_disk
from tests.support.faults.service import Mortal, serving
from tests.support.faults.sshd import Sshd, mortal_sshd, mounting
from tests.support.faults.work import FULL
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.timeout(1800)]

RUNS = 200 if FULL else 40
SECONDS = 30 if FULL else 8
TIMES = 5 if FULL else 2
KEPT = "/mnt"

StartOn = Callable[..., Sshd]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "data", 300) as folder:
        yield folder


@pytest.fixture
def service(data: Path, openssh: Target) -> Iterator[Mortal]:
    with serving(data, openssh) as mortal:
        yield mortal


async def fill_again_and_again(data: Path) -> None:
    for _ in range(TIMES):
        await asyncio.sleep(2)
        await asyncio.to_thread(fill, data)
        await asyncio.sleep(SECONDS)
        free(data)


async def test_nothing_is_lost_while_our_own_disk_is_full(service: Mortal, data: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    jobs = work.jobs(tmp_path / "work", RUNS, seed=13)
    async with service.client() as client:
        await service.calls(client.get, "/readyz")
    filling = asyncio.create_task(fill_again_and_again(data), name="filler of the disk")
    found = await work.carried_out(service, jobs, at_once=8)
    await filling
    work.shown("our disk full", found)
    assert "disk is full" in (tmp_path / "serve.log").read_text(), "it never met a full disk"
    assert [fault for each in found for fault in each.faults] == []
    assert not any(each.unreached for each in found)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    store = await open_store(f"sqlite:///{tmp_path / 'test.db'}")
    await migrate(store)
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as started:
        yield started
    await store.close()


@pytest.fixture
def start_on(tmp_path: Path) -> Iterator[StartOn]:
    """Starts an sshd that sees its folders with these things mounted."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    with ExitStack() as held:

        def start(*mounts: Callable[[Path], str]) -> Sshd:
            sshd = held.enter_context(mortal_sshd(folder))
            prefix = mounting(*(mount(folder) for mount in mounts))
            sshd.kill()
            sshd.start(*prefix)
            return sshd

        yield start


def full(path: str) -> str:
    return f"mount -t tmpfs -o size=64k none {path} && {{ head -c 1000000 /dev/zero >{path}/filler || true; }}"


def full_home(folder: Path) -> str:
    return full(str(folder / "home"))


def all_full(folder: Path) -> str:
    """All but sshd's own folder, which lies in a folder for temporary files itself."""
    kept = f"mount --bind {folder} {KEPT} && mount -t tmpfs -o size=64k none /tmp && mkdir -p {folder}"
    moved = f"mount --move {KEPT} {folder} && {{ head -c 1000000 /dev/zero >/tmp/filler || true; }}"
    return " && ".join([kept, moved, full(str(folder / "home")), full("/var/tmp"), full("/dev/shm")])


def small_home(folder: Path) -> str:
    return f"mount -t tmpfs -o size=4m none {folder / 'home'}"


async def test_a_full_home_gives_way_to_another_folder(start_on: StartOn, rig: Rig) -> None:
    server = await rig.server(start_on(full_home).target, run_mode=Mode.DURABLE)
    row = await rig.ran(server, "echo out; echo err >&2; exit 7")
    assert (row.state, row.exit_code, row.mode) == (State.FAILED, 7, Mode.DURABLE), row.message
    assert await rig.output(row.id) == (b"out\n", b"err\n")


async def test_where_every_folder_is_full_it_runs_attached_and_says_so(start_on: StartOn, rig: Rig) -> None:
    server = await rig.server(start_on(all_full).target, run_mode=Mode.DURABLE)
    row = await rig.ran(server, "echo out; echo err >&2; exit 7")
    assert (row.exit_code, row.mode) == (7, Mode.ATTACHED), row.message
    assert "ran attached" in (row.message or "")
    assert await rig.output(row.id) == (b"out\n", b"err\n")


async def test_a_disk_that_fills_up_during_a_run_fails_it_and_its_end_is_told(start_on: StartOn, rig: Rig) -> None:
    """What was written before is there; what could not be written is not said to be."""
    server = await rig.server(start_on(small_home).target, run_mode=Mode.DURABLE)
    row = await rig.ran(server, "echo begun >&2; head -c 20000000 /dev/zero || exit 9; echo never")
    assert (row.state, row.reason, row.exit_code, row.mode) == (State.FAILED, Reason.EXIT_STATUS, 9, Mode.DURABLE)
    out, err = await rig.output(row.id)
    assert 3_000_000 < len(out) < 2**22
    assert err.startswith(b"begun\n")
    after = await rig.ran(server, "head -c 1000000 /dev/zero")
    assert (after.state, after.stdout_bytes) == (State.SUCCESS, 1_000_000), "its spool did not make room again"


async def test_a_command_that_does_not_care_about_a_full_disk_is_told_to_have_lost_output(
    start_on: StartOn, rig: Rig
) -> None:
    server = await rig.server(start_on(small_home).target, run_mode=Mode.DURABLE)
    row = await rig.ran(server, "trap '' PIPE; head -c 20000000 /dev/zero 2>/dev/null; exit 0")
    assert row.truncated is True, row.message
    assert "disk" in (row.message or "")
