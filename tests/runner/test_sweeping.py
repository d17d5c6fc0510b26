"""What runs left behind on a target is removed once it is old, and never what still runs or was not looked at twice."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.store import Store
from db.values import Mode, State
from runner.execution.spool_sweeper import EVERY_SECONDS, SpoolSweeper
from runner.ssh import handshake
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.targets import Target, running_sshd
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

DAY = 86_400
NAMES = ("go", "run", "stop", "end", "out", "err")


@pytest.fixture
def spools(tmp_path: Path) -> Path:
    folder = tmp_path / "my home" / ".sshcast"
    folder.parent.mkdir()
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def target(tmp_path: Path, spools: Path) -> Iterator[Target]:
    folder = tmp_path / "sshd"
    folder.mkdir()
    with running_sshd(folder, f'SetEnv "HOME={spools.parent}"') as started:
        yield started


def left(spools: Path, id: str, *, days: float, names: tuple[str, ...] = NAMES, who: str = "1 2 gone 3") -> str:
    """The files of a run that nobody cleared, last written so many days ago."""
    for name in names:
        (spools / f"{id}.{name}").write_text(f"{who if name == 'run' else 'E 0 0 0 - .'}\n")
        aged(spools / f"{id}.{name}", days)
    return id


def aged(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def kept(spools: Path) -> dict[str, set[str]]:
    """By run, the names of its files; for the mark of the sweep, `old`."""
    found: dict[str, set[str]] = {}
    for path in spools.iterdir():
        id, _, name = path.name.partition(".")
        found.setdefault(id, set()).add(name)
    return found


async def swept(store: Store, target: Target, name: str) -> None:
    """A runner starts, runs a command, sweeps, and ends."""
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS, name=name))) as rig:
        server = await rig.server(target, name=name, run_mode=Mode.DURABLE)
        row = await rig.ran(server, "true")
        assert row.state == State.SUCCESS
        await until(lambda: not rig.dispatcher.drives)


def living() -> tuple[str, str]:
    """This process: when it started, in ticks since the boot; and which boot."""
    start = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19]
    return start, Path("/proc/sys/kernel/random/boot_id").read_text().strip()


async def test_what_is_old_is_marked_and_goes_when_the_mark_is_old_too(
    store: Store, target: Target, spools: Path
) -> None:
    left(spools, "ended", days=8)
    left(spools, "tombstone", days=8, names=("go",))
    left(spools, "unbegun", days=8, names=("run", "stop"))
    left(spools, "young", days=6)
    await swept(store, target, "first")
    marked = {id for id, names in kept(spools).items() if "old" in names}
    assert (marked, set(kept(spools))) == ({"ended", "tombstone", "unbegun"}, {*marked, "young"})
    await swept(store, target, "second")
    assert set(kept(spools)) == {*marked, "young"}, "a clock may have jumped: the mark is not a day old"
    for id in marked:
        aged(spools / f"{id}.old", 2)
    await swept(store, target, "third")
    assert kept(spools) == {"young": set(NAMES)}


async def test_what_still_runs_or_was_written_lately_stays_however_long_ago_it_began(
    store: Store, target: Target, spools: Path
) -> None:
    start, boot = living()
    left(spools, "running", days=30, who=f"{os.getpid()} {start} {boot} 1")
    left(spools, "chatty", days=30)
    aged(spools / "chatty.out", 1)
    for id in ("running", "chatty"):
        (spools / f"{id}.old").touch()
        aged(spools / f"{id}.old", 20)
    await swept(store, target, "first")
    assert kept(spools) == {id: {*NAMES, "old"} for id in ("running", "chatty")}


async def test_a_pid_of_another_boot_or_of_another_process_is_no_run(
    store: Store, target: Target, spools: Path
) -> None:
    start, boot = living()
    left(spools, "rebooted", days=30, who=f"{os.getpid()} {start} 00000000-0000-0000-0000-000000000000 1")
    left(spools, "reused", days=30, who=f"{os.getpid()} 1 {boot} 1")
    for id in ("rebooted", "reused"):
        (spools / f"{id}.old").touch()
        aged(spools / f"{id}.old", 2)
    await swept(store, target, "first")
    assert kept(spools) == {}


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
async def test_every_shell_sweeps(
    store: Store, target: Target, spools: Path, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.which(shell) or pytest.skip(f"no {shell} on this machine")
    sh = f"{path}{' sh' if shell == 'busybox' else ''}"
    monkeypatch.setattr(handshake, "LINE", handshake.LINE.replace("/bin/sh", sh))
    left(spools, "ended", days=8)
    (spools / "ended.old").touch()
    aged(spools / "ended.old", 2)
    await swept(store, target, "first")
    assert kept(spools) == {}


def test_a_server_is_swept_once_an_hour_at_most() -> None:
    now = [5.0]
    sweeper = SpoolSweeper(clock=lambda: now[0])
    assert [sweeper.is_due(1), sweeper.is_due(1), sweeper.is_due(2)] == [True, False, True]
    now[0] += EVERY_SECONDS - 1
    assert not sweeper.is_due(1)
    now[0] += 1
    assert sweeper.is_due(1)
