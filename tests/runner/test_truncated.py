"""Runs that go on at their output limit: the beginning and the end of their output are kept, and the gap is counted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from db.models import TaskExecution
from db.store import Store
from db.values import Mode, OnOutputLimit, Reason, State
from runner.output.kept_tail import TAIL_BYTES, find_head_limit
from tests.support import truncation
from tests.support.rig import BOTH_WAYS, Rig, Wanted, rig_on, running
from tests.support.sampling import choose_count
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

LIMIT = 1024 * 1024
# 20 or 100 MB of numbered lines, each of 10 bytes.
LINES = choose_count(2_000_000, 10_000_000)
NUMBERED_LINES = f"seq -w 100000001 {100_000_000 + LINES}"
TRUNCATED = {"output_limit": LIMIT, "on_output_limit": OnOutputLimit.TRUNCATE, "timeout_seconds": 120}


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(rig_on(store)) as started:
        yield started


def write_lines(first: int, count: int) -> bytes:
    return b"".join(b"%d\n" % (100_000_001 + number) for number in range(first, first + count))


async def require_both_ends(store: Store, row: TaskExecution, lines: int) -> None:
    """Require that the run ended by itself, and kept its beginning, its end and the exact gap."""
    assert (row.state, row.reason, row.exit_code, row.message) == (State.SUCCESS, Reason.EXIT_STATUS, 0, None)
    head, tail = await truncation.load_ends(store, row)
    head_limit, whole = find_head_limit(LIMIT), 10 * lines
    left_out = whole - LIMIT
    assert head == write_lines(0, head_limit // 10 + 1)[:head_limit]
    assert tail == write_lines(lines - TAIL_BYTES // 10 - 1, TAIL_BYTES // 10 + 1)[-TAIL_BYTES:]
    lines_left_out = lines - head.count(b"\n") - tail.count(b"\n")
    assert row.output_gap == {"position": head_limit, "bytes": left_out, "lines": lines_left_out}
    assert (row.stdout_bytes, row.stderr_bytes, row.output_lines, row.truncated) == (whole, 0, lines, True)


@pytest.mark.sampled
@pytest.mark.parametrize("mode", BOTH_WAYS)
async def test_a_run_over_its_limit_goes_on_and_keeps_both_ends(
    rig: Rig, store: Store, openssh: Target, mode: Mode
) -> None:
    server = await rig.server(openssh, run_mode=mode)
    row = await rig.ended(await rig.pending(server, NUMBERED_LINES, **TRUNCATED), seconds=110)
    await require_both_ends(store, row, LINES)


async def test_who_takes_a_run_over_in_its_gap_comes_to_the_same_record(
    store: Store, openssh: Target, tmp_path: Path
) -> None:
    half, reached, go = 250_000, tmp_path / "reached", tmp_path / "go"
    command = (
        f"seq -w 100000001 {100_000_000 + half}; : >{reached}; while [ ! -e {go} ]; do sleep 0.1; done; "
        f"seq -w {100_000_001 + half} {100_000_000 + 2 * half}"
    )
    first = rig_on(store, "runner-1")
    async with running(first):
        server = await first.server(openssh, run_mode=Mode.DURABLE)
        id = await first.pending(server, command, **TRUNCATED)
        await first.printed(id, at_least=find_head_limit(LIMIT))
        await until(reached.exists)
    row = await first.row(id)
    assert (row.state, row.stdout_bytes, row.output_gap) == (State.RUNNING, find_head_limit(LIMIT), None)
    go.touch()
    async with running(rig_on(store, "runner-2")) as second:
        await require_both_ends(store, await second.ended(id), 2 * half)


async def test_less_than_the_limit_is_stored_whole_and_has_no_gap(rig: Rig, store: Store, openssh: Target) -> None:
    server = await rig.server(openssh, run_mode=Mode.DURABLE)
    row = await rig.ran(server, f"head -c {LIMIT} /dev/zero", **TRUNCATED)
    assert (row.state, row.stdout_bytes, row.output_gap, row.truncated) == (State.SUCCESS, LIMIT, None, False)
    assert await rig.output(row.id) == (bytes(LIMIT), b"")


async def test_a_run_that_goes_on_still_ends_at_its_time_limit_and_by_its_own_status(rig: Rig, openssh: Target) -> None:
    server = await rig.server(openssh, run_mode=Mode.ATTACHED)
    failed = await rig.ran(server, "head -c 100000 /dev/zero; exit 3", **TRUNCATED | {"output_limit": 1000})
    assert (failed.state, failed.exit_code, failed.truncated) == (State.FAILED, 3, True)
    assert failed.output_gap == {"position": 500, "bytes": 99_000, "lines": 0}
    timed_out = await rig.ran(server, "exec yes", **TRUNCATED | {"output_limit": 1000, "timeout_seconds": 1})
    assert (timed_out.state, timed_out.reason, timed_out.truncated) == (State.TIMEOUT, Reason.TIMEOUT, True)
    assert timed_out.output_gap is not None


async def test_a_target_keeps_no_more_than_its_share_of_a_run_that_goes_on(store: Store, openssh: Target) -> None:
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS, spool_limit=5_000_000))) as rig:
        server = await rig.server(openssh, run_mode=Mode.DURABLE)
        row = await rig.ran(server, "yes", **TRUNCATED)
    assert (row.state, row.reason, row.truncated) == (State.FAILED, Reason.OUTPUT_LIMIT, True)
    assert row.output_gap is not None
    assert 5_000_000 <= row.stdout_bytes <= 6_000_000
