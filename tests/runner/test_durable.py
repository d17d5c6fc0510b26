"""Durable runs over real SSH: they outlive whoever watches them, and come back once and byte for byte."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from db import transitions
from db.models import TaskExecution
from db.store import Store
from db.values import Mode, Reason, State
from runner.execution.drive import Drive
from runner.execution.durable_run import DurableRun
from runner.execution.outcome import Outcome
from runner.remote import attachment
from runner.ssh.protocol import ShellSource
from tests.support import runs
from tests.support.local_target import carrying
from tests.support.rig import BOTH_WAYS, Rig, Wanted, rig_on, running
from tests.support.scripted_run import follow
from tests.support.stores import Unruly, is_away
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

EVERY_BYTE = "".join(f"\\{byte:03o}" for byte in range(256))


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(rig_on(store)) as started:
        yield started


@pytest.fixture
async def server(rig: Rig, target: Target) -> int:
    return await rig.server(target, run_mode=Mode.DURABLE)


def files(target: Target, row: TaskExecution) -> list[Path]:
    """What is left of the run on its target."""
    return list((target.folder / "home" / ".sshcast").glob(f"{spool_of(row)}*"))


def spool_of(row: TaskExecution) -> str:
    assert row.remote is not None
    return str(row.remote["spool"])


async def test_every_byte_of_both_streams_comes_back_and_the_spool_is_gone(
    rig: Rig, server: int, target: Target
) -> None:
    row = await rig.ran(server, f"printf '{EVERY_BYTE}'; printf 'err{EVERY_BYTE}' >&2; exit 3")
    assert (row.state, row.reason, row.exit_code, row.mode) == (State.FAILED, Reason.EXIT_STATUS, 3, Mode.DURABLE)
    assert await rig.output(row.id) == (bytes(range(256)), b"err" + bytes(range(256)))
    await until(lambda: files(target, row) == [])


async def test_a_run_whose_task_says_how_is_driven_so_whatever_its_server_says(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "echo hello", mode=Mode.ATTACHED)
    assert (row.state, row.mode, (await rig.output(row.id))[0]) == (State.SUCCESS, Mode.ATTACHED, b"hello\n")
    assert "ran attached" not in (row.message or ""), "it was asked for, and is no fallback"


async def test_large_output_without_a_line_end_comes_back_whole(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "head -c 5000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2")
    assert row.state == State.SUCCESS
    out, err = await rig.output(row.id)
    assert out == b"x" * 5_000_000
    assert err == bytes(300_000)


async def test_output_is_live(rig: Rig, server: int) -> None:
    id = await rig.pending(server, "echo first; sleep 30")
    assert await rig.printed(id) == b"first\n"
    await rig.cancel(id)
    assert (await rig.ended(id)).verified_gone is True


async def test_the_command_gets_its_environment_folder_and_an_empty_stdin(
    rig: Rig, server: int, tmp_path: Path
) -> None:
    odd = 'a\'b "$HOME" \\ \n second'
    row = await rig.ran(
        server,
        'printf "%s|" "$ODD"; pwd; cat; printf "%s" "$SSHCAST_SPOOL"',
        env={"ODD": odd},
        working_dir=str(tmp_path),
    )
    assert (await rig.output(row.id))[0] == f"{odd}|{tmp_path}\n{spool_of(row)}".encode()


@pytest.mark.parametrize("command", ["exit 0", "exit 255", "kill -TERM $$", "no-such-command", "exit 1; echo never"])
async def test_the_exit_status_is_what_a_shell_says(rig: Rig, server: int, command: str) -> None:
    row = await rig.ran(server, command)
    expected = {"exit 0": 0, "exit 255": 255, "kill -TERM $$": 143, "no-such-command": 127}.get(command, 1)
    assert row.exit_code == expected
    assert row.state == (State.SUCCESS if expected == 0 else State.FAILED)


async def test_a_runner_that_dies_is_taken_over_and_no_byte_is_lost_or_told_twice(
    store: Store, target: Target, tmp_path: Path
) -> None:
    counter = tmp_path / "counter"
    first = rig_on(store, "runner-1")
    async with running(first):
        server = await first.server(target, run_mode=Mode.DURABLE)
        command = (
            f"echo ran >>{counter}; for n in 1 2 3 4 5 6; do echo line $n; echo err $n >&2; sleep 0.3; done; exit 5"
        )
        id = await first.pending(server, command)
        await first.printed(id, at_least=14)
    assert (await first.row(id)).state == State.RUNNING, "a durable run is left to the next runner"
    async with running(rig_on(store, "runner-2")) as second:
        row = await second.ended(id)
    assert (row.state, row.exit_code) == (State.FAILED, 5)
    expected = "".join(f"line {n}\n" for n in range(1, 7)).encode()
    assert await second.output(id) == (expected, expected.replace(b"line", b"err"))
    assert counter.read_text() == "ran\n"


async def test_a_run_that_ends_while_nobody_watches_is_told_as_it_ended(store: Store, target: Target) -> None:
    first = rig_on(store, "runner-1")
    async with running(first):
        server = await first.server(target, run_mode=Mode.DURABLE)
        id = await first.pending(server, "echo before; sleep 0.7; echo after; exit 9")
        await first.printed(id)
        row = await first.row(id)
    await until(lambda: carrying(spool_of(row)) == [])
    async with running(rig_on(store, "runner-2")) as second:
        row = await second.ended(id)
    assert (row.exit_code, (await second.output(id))[0]) == (9, b"before\nafter\n")


async def test_a_connection_that_is_cut_is_made_again_and_the_output_goes_on(rig: Rig, openssh: Target) -> None:
    server = await rig.server(openssh, run_mode=Mode.DURABLE)
    id = await rig.pending(server, "for n in 1 2 3 4 5 6 7 8; do echo $n; sleep 0.25; done")
    await rig.printed(id, at_least=4)
    kill_sessions(openssh)
    row = await rig.ended(id)
    assert (row.state, (await rig.output(id))[0]) == (State.SUCCESS, b"1\n2\n3\n4\n5\n6\n7\n8\n")


def kill_sessions(target: Target) -> None:
    """Kill the sshd processes that serve connections, and leave the one that listens."""
    listener = int((target.folder / "pid").read_text())
    for path in Path("/proc").glob(f"{listener}/task/*/children"):
        for child in path.read_text().split():
            os.kill(int(child), signal.SIGKILL)


async def test_the_time_limit_holds_on_the_target_even_when_nobody_watches(
    store: Store, target: Target, tmp_path: Path
) -> None:
    first = rig_on(store, "runner-1")
    async with running(first):
        server = await first.server(target, run_mode=Mode.DURABLE)
        id = await first.pending(server, "echo up; sleep 300", timeout_seconds=2)
        await first.printed(id)
        spool = spool_of(await first.row(id))
    await until(lambda: carrying(spool) == [])
    async with running(rig_on(store, "runner-2")) as second:
        row = await second.ended(id)
    assert (row.state, row.reason, row.verified_gone) == (State.TIMEOUT, Reason.TIMEOUT, True)


async def test_the_output_cap_ends_the_run(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "yes", output_limit=100_000)
    assert (row.state, row.reason, row.truncated) == (State.FAILED, Reason.OUTPUT_LIMIT, True)
    assert row.stdout_bytes == 100_000
    assert row.verified_gone is True


async def test_a_child_that_keeps_stdout_open_does_not_keep_the_run(rig: Rig, server: int) -> None:
    row = await rig.ran(server, "echo started; sleep 20 & exit 4")
    assert (row.exit_code, (await rig.output(row.id))[0]) == (4, b"started\n")
    for pid in carrying(spool_of(row)):
        os.kill(pid, signal.SIGKILL)


async def identified(rig: Rig, id: int) -> tuple[TaskExecution, dict[str, str]]:
    """The row, once it says where the run is on its target."""
    async with asyncio.timeout(10):
        while "pid" not in ((row := await rig.row(id)).remote or {}):  # noqa: ASYNC110 - a row has no event
            await asyncio.sleep(0.01)
    assert row.remote is not None
    return row, row.remote


async def test_a_supervisor_that_was_killed_makes_the_run_lost_and_never_run_again(
    rig: Rig, server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachment, "QUIETLY_SECONDS", 0.2)
    counter = tmp_path / "counter"
    id = await rig.pending(server, f"echo ran >>{counter}; echo up; sleep 60")
    await rig.printed(id)
    row, identity = await identified(rig, id)
    os.kill(int(identity["pid"]), signal.SIGKILL)
    ended = await rig.ended(id)
    assert (ended.state, ended.reason, ended.verified_gone) == (State.FAILED, Reason.LOST, True)
    assert carrying(spool_of(row)) == []
    assert "whether the command finished is unknown" in (ended.message or "")
    assert counter.read_text() == "ran\n"


async def test_a_spool_that_vanished_makes_the_run_lost_and_never_run_again(
    store: Store, openssh: Target, tmp_path: Path
) -> None:
    counter, gate = tmp_path / "counter", tmp_path / "gate"
    first = rig_on(store, "runner-1")
    async with running(first):
        server = await first.server(openssh, run_mode=Mode.DURABLE)
        id = await first.pending(server, f"echo ran >>{counter}; echo up; while [ ! -e {gate} ]; do sleep 0.1; done")
        await first.printed(id)
        row, _ = await identified(first, id)
    gate.touch()
    await until(lambda: carrying(spool_of(row)) == [])
    for file in files(openssh, row):
        file.unlink()
    async with running(rig_on(store, "runner-2")) as second:
        ended = await second.ended(id)
    assert ended.reason == Reason.LOST
    assert "gone" in (ended.message or "")
    assert counter.read_text() == "ran\n"


async def test_a_run_cancelled_while_nobody_knows_whether_it_began_never_begins(
    store: Store, target: Target, tmp_path: Path
) -> None:
    """The first runner died between its note and the start."""
    counter = tmp_path / "counter"

    async def dies(drive: Drive, shells: ShellSource) -> Outcome:
        await DurableRun(drive, shells).note_spool()
        await asyncio.Event().wait()
        raise AssertionError("never")

    first = Rig(Wanted(store=store, ways={Mode.DURABLE: follow(dies)}))
    async with running(first):
        server = await first.server(target, run_mode=Mode.DURABLE)
        id = await first.pending(server, f"echo ran >>{counter}")
        await first.noted(id)
    assert await first.cancel(id) == "requested"
    async with running(rig_on(store, "runner-2")) as second:
        row = await second.ended(id)
        await until(lambda: [file.suffix for file in files(target, row)] == [".go"])
    assert (row.state, row.message, row.verified_gone) == (State.CANCELLED, "cancelled before it started", None)
    assert not counter.exists()


async def test_a_start_that_nobody_knows_of_is_made_once(store: Store, target: Target, tmp_path: Path) -> None:
    """The first runner died between its note and the start, and there is no cancel."""
    counter = tmp_path / "counter"
    server = await runs.server(store, target, run_mode=Mode.DURABLE)
    row = await runs.claimed(store, server, command=f"echo ran >>{counter}; exit 5")
    noted = {"spool": f"{row.id}-00112233445566aa.", "at": runs.now().timestamp()}
    await store.run(transitions.update_claimed, row.id, row.fence, {"mode": Mode.DURABLE, "remote": noted})
    async with running(rig_on(store, "runner-2")) as second:
        assert (await second.ended(row.id)).exit_code == 5
    assert counter.read_text() == "ran\n"


async def test_a_database_that_is_away_when_the_run_ends_loses_none_of_its_output(
    unruly: Unruly, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachment, "QUIET_SECONDS", 0.02)
    watcher = Rig(Wanted(store=unruly.real))
    async with running(Rig(Wanted(store=unruly, ways=BOTH_WAYS))) as rig:
        server = await rig.server(target, run_mode=Mode.DURABLE)
        id = await rig.pending(server, "echo up; sleep 0.3; head -c 6000000 /dev/zero")
        await watcher.printed(id)
        tries = unruly.calls.count("append") + 3
        unruly.obstacle = is_away
        await until(lambda: unruly.calls.count("append") >= tries)
        unruly.obstacle = None
        row = await watcher.ended(id)
    assert (row.state, row.stdout_bytes) == (State.SUCCESS, 6_000_003)
