"""What a target lacks, and what a command left there, is told on the execution's record."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.store import Store
from db.values import Mode, Reason, State
from runner.execution.durable_run import LEFT, NO_PROGRAM
from runner.remote import program
from tests.support.local_target import bare_folder
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.targets import Target, running_sshd
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as started:
        yield started


@contextmanager
def sshd(folder: Path, *without: str) -> Iterator[Target]:
    """An sshd whose account has the programs of local.py in its PATH, but for some."""
    path = bare_folder("dash", folder / "bare", without=without)
    (folder / "sshd").mkdir()
    (folder / "home").mkdir()
    with running_sshd(folder / "sshd", f'SetEnv "HOME={folder}/home" PATH={path}') as target:
        yield target


@pytest.mark.parametrize("name", ["cat", "mkfifo"])
async def test_a_program_that_is_missing_is_on_the_record_of_a_run_that_loses_nothing(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    texts = program.load_program
    monkeypatch.setattr(program, "load_program", lambda file: texts(file).replace("/proc", "/no-proc"))
    with sshd(tmp_path, name) as target:
        row = await rig.ran(await rig.server(target, run_mode=Mode.DURABLE), "echo out; echo err >&2; exit 7")
        assert (row.state, row.exit_code, row.mode) == (State.FAILED, 7, Mode.ATTACHED)
        assert row.message == NO_PROGRAM.format(names=name)
        assert await rig.output(row.id) == (b"out\n", b"err\n")


@pytest.mark.parametrize("cut", [False, True])
async def test_what_is_left_behind_is_on_the_record(rig: Rig, target: Target, tmp_path: Path, cut: bool) -> None:
    """It is over once its reader is gone."""
    writes = "echo more" if cut else ":"
    server = await rig.server(target, run_mode=Mode.DURABLE)
    row = await rig.ran(server, f"echo up; while {writes}; do sleep 0.05; [ ! -e {tmp_path}/over ] || exit; done &")
    (tmp_path / "over").touch()
    assert (row.state, row.exit_code, row.message, row.truncated) == (State.SUCCESS, 0, LEFT, cut)


async def test_a_cancel_after_the_spool_was_removed_is_a_cancel(rig: Rig, target: Target) -> None:
    server = await rig.server(target, run_mode=Mode.DURABLE)
    id = await rig.pending(server, "echo up; sleep 0.5; echo on; sleep 300")
    await rig.printed(id, at_least=6)
    for path in (target.folder / "home" / ".sshcast").iterdir():
        path.unlink()
    await rig.cancel(id)
    row = await rig.ended(id)
    assert (row.state, row.reason, row.verified_gone) == (State.CANCELLED, Reason.CANCELLED, True)
    assert (await rig.output(id))[0] == b"up\non\n"
    await until(lambda: not list((target.folder / "home" / ".sshcast").iterdir()))
