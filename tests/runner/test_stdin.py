"""What a command reads on its standard input, over real SSH in both modes: whole, once, and gone with the run."""

import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from db import stdin as stdins
from db.models import TaskExecution
from db.store import Store
from db.values import Mode, Reason, State
from runner.execution.durable_run import NO_INPUT
from tests.support.faults.disk import small_disk
from tests.support.rig import BOTH_WAYS, Rig, rig_on, running
from tests.support.targets import Target, running_sshd
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

MOST = random.Random(7).randbytes(1_048_576)
MODES = pytest.mark.parametrize("mode", list(BOTH_WAYS))


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(rig_on(store)) as started:
        yield started


async def ran(rig: Rig, target: Target, mode: str, command: str, stdin: bytes | None) -> tuple[TaskExecution, bytes]:
    """The row, and what the command printed; it succeeded, in this mode, and has nothing to remark."""
    row = await rig.ran(await rig.server(target, run_mode=mode), command, stdin=stdin)
    assert (row.state, row.mode, row.message) == (State.SUCCESS, mode, None)
    assert await rig.store.read(stdins.load_sealed, row.id) is None
    out, err = await rig.output(row.id)
    assert err == b""
    return row, out


@MODES
async def test_every_byte_of_a_mib_arrives(rig: Rig, target: Target, mode: str) -> None:
    _, out = await ran(rig, target, mode, "sha256sum", MOST)
    assert out.split()[0].decode() == hashlib.sha256(MOST).hexdigest()


@MODES
@pytest.mark.parametrize(("stdin", "size"), [(b"", b"0"), (None, b"0"), (b"no line end", b"11"), (b"\0\n\0", b"3")])
async def test_the_command_reads_so_much_and_then_an_end(
    rig: Rig, target: Target, mode: str, stdin: bytes | None, size: bytes
) -> None:
    assert (await ran(rig, target, mode, "wc -c", stdin))[1].strip() == size


@MODES
async def test_what_the_command_does_not_read_holds_nothing_up(rig: Rig, target: Target, mode: str) -> None:
    for command, printed in (("true", b""), ("head -c 2", MOST[:2]), ("exec <&-; sleep 0.2; echo up", b"up\n")):
        assert (await ran(rig, target, mode, command, MOST))[1] == printed


@MODES
async def test_a_shell_runs_the_program_that_it_reads(rig: Rig, target: Target, mode: str) -> None:
    _, out = await ran(
        rig, target, mode, "sh -s one two", b'for each in "$@"; do\necho "got $each"\ndone\nexit 0\nno-such\n'
    )
    assert out == b"got one\ngot two\n"


@MODES
async def test_what_a_shell_would_read_is_judged_at_the_start(rig: Rig, target: Target, mode: str) -> None:
    row = await rig.ran(await rig.server(target, run_mode=mode), "bash -s", stdin=b"rm -rf /\n")
    assert (row.state, row.reason) == (State.FAILED, Reason.REFUSED_BY_POLICY)
    assert await rig.store.read(stdins.load_sealed, row.id) is None


async def test_who_takes_a_run_over_need_not_give_it_again(store: Store, target: Target, tmp_path: Path) -> None:
    first = rig_on(store)
    async with running(first):
        server = await first.server(target, run_mode=Mode.DURABLE)
        command = f"echo up; until [ -e {tmp_path}/go-on ]; do sleep 0.05; done; exec sha256sum"
        id = await first.pending(server, command, stdin=MOST)
        await first.printed(id)
    async with running(rig_on(store, "runner-2")) as second:
        (tmp_path / "go-on").touch()
        row = await second.ended(id)
    assert row.state == State.SUCCESS
    assert (await second.output(id))[0] == f"up\n{hashlib.sha256(MOST).hexdigest()}  -\n".encode()


async def test_who_takes_over_what_never_began_gives_all_of_it(store: Store, target: Target, tmp_path: Path) -> None:
    """A runner that died between its note and the first byte."""
    first = rig_on(store)
    server = await first.server(target, run_mode=Mode.DURABLE)
    from_note = {
        "mode": Mode.DURABLE,
        "remote": {"spool": "7-0011223344556677.", "at": first.parts.clock().timestamp()},
    }
    await first.pending(server, "wc -c", stdin=MOST, **from_note)
    async with running(first):
        row = await first.ended(1)
    assert (row.state, (await first.output(1))[0].strip()) == (State.SUCCESS, b"1048576")
    await until(lambda: not list((target.folder / "home" / ".sshcast").glob("7-*.in*")))


async def test_a_disk_that_cannot_hold_it_is_told_and_nothing_starts(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "sshd").mkdir()
    with small_disk(tmp_path / "home", 1) as home, running_sshd(tmp_path / "sshd", f'SetEnv "HOME={home}"') as target:
        server = await rig.server(target, run_mode=Mode.DURABLE)
        row = await rig.ran(server, f"touch {tmp_path}/ran; wc -c", stdin=MOST)
        assert not (tmp_path / "ran").exists()
        assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED)
        assert row.message == NO_INPUT.format(size=len(MOST))
        assert [path.suffix for path in (home / ".sshcast").iterdir()] == [".go"], "and what was made there is gone"
        assert (await ran(rig, target, Mode.DURABLE, "wc -c", MOST[:500_000]))[1].strip() == b"500000"
