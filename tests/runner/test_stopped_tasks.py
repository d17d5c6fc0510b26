"""What waits to start of a task that is deleted or disabled does not start, and says why; on both databases."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from db import tasks
from db.models import Task, TaskExecution
from db.store import Store
from db.values import Mode, Overlap, Reason, State, Trigger
from runner.execution.drive import Drive
from runner.execution.outcome import Outcome
from runner.scheduling.follow_ups import end_waiting
from runner.scheduling.terms import Terms
from runner.ssh.protocol import ShellSource
from tests.support import rows as db_rows
from tests.support.ledger import Ledger, at, ledger
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.scripted_run import follow
from tests.support.stores import both_stores as store
from tests.support.targets import Target

pytestmark = pytest.mark.anyio
__all__ = ["ledger", "store"]


def stopped(run: TaskExecution) -> tuple[str, str | None, str | None]:
    return run.state, run.reason, run.message


DELETED = (State.CANCELLED, Reason.CANCELLED, "its task was deleted before it could start")
DISABLED = (State.CANCELLED, Reason.CANCELLED, "its task was disabled before it could start")


async def delete(ledger: Ledger, task: Task, second: float) -> list[int]:
    assert await ledger.store.run(tasks.delete, task.id, at(second))
    return await ledger.store.run(end_waiting, task.id, at(second))


async def test_with_a_task_end_its_pending_runs_whatever_made_them_and_no_other(ledger: Ledger) -> None:
    task, other = await ledger.task("* * * * *", next_run=at(60)), await ledger.task("* * * * *", next_run=at(60))
    await ledger.fire(60)
    by_hand = await ledger.run_of(task, trigger=Trigger.MANUAL)
    going = await ledger.run_of(task, state=State.RUNNING)
    assert by_hand.id in await delete(ledger, task, 61)
    runs = {run.id: run for run in await ledger.runs(task)}
    assert runs.pop(going.id).state == State.RUNNING
    assert [stopped(run) for run in runs.values()] == [DELETED] * 2
    assert {(run.end_time, run.duration_ms) for run in runs.values()} == {(at(61), 0)}
    assert [run.state for run in await ledger.runs(other)] == [State.PENDING]


async def test_with_a_task_ends_what_waits_in_the_ledger_although_its_run_of_before_goes_on(ledger: Ledger) -> None:
    task = await ledger.task("* * * * *", Terms(overlap=Overlap.QUEUE), next_run=at(60))
    run = await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(60)
    assert await delete(ledger, task, 61) == []
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.open, line.decided_at) == ("missed", False, at(61))
    assert line.reason == f"waits for execution {run.id} to end; the task was deleted before it could start"


async def test_a_deleted_task_is_not_tried_again(ledger: Ledger) -> None:
    task = await ledger.task("0 * * * *", Terms(retry_limit=2, retry_delay_seconds=30), next_run=at(60))
    await ledger.fire(60)
    (run,) = await ledger.runs(task)
    await ledger.end(run.id, state=State.FAILED, reason=Reason.UNREACHABLE, end_time=at(70))
    await ledger.follow(71)
    await delete(ledger, task, 75)
    assert await ledger.follow(100) == []
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.open) == ("fired", False)
    assert "not tried again: the task was deleted" in str(line.reason)


async def test_a_retry_that_waits_to_start_ends_with_its_task_and_is_the_last(ledger: Ledger) -> None:
    task = await ledger.task("0 * * * *", Terms(retry_limit=2, retry_delay_seconds=30), next_run=at(60))
    await ledger.fire(60)
    (run,) = await ledger.runs(task)
    await ledger.end(run.id, state=State.FAILED, reason=Reason.UNREACHABLE, end_time=at(70))
    await ledger.follow(71)
    (again,) = await ledger.follow(100)
    assert await delete(ledger, task, 101) == [again]
    for second in (102, 10_000):
        assert await ledger.follow(second) == []
    assert stopped((await ledger.runs(task))[-1]) == DELETED
    assert not (await ledger.lines(task))[0].open


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as found:
        yield found


async def a_task(store: Store, server: int, **values: Any) -> int:
    return (await store.run(partial(db_rows.task, server_id=server, **values))).id


@pytest.mark.parametrize(
    ("values", "trigger", "expected"),
    [
        ({"deleted_at": at(0)}, Trigger.MANUAL, DELETED),
        ({"deleted_at": at(0)}, Trigger.SCHEDULE, DELETED),
        ({"enabled": False}, Trigger.SCHEDULE, DISABLED),
        ({"enabled": False}, Trigger.RETRY, DISABLED),
        ({"enabled": False}, Trigger.MANUAL, (State.SUCCESS, Reason.EXIT_STATUS, None)),
    ],
)
async def test_a_run_that_was_claimed_all_the_same_is_not_started(
    rig: Rig, store: Store, demo_target: Target, values: dict[str, Any], trigger: Trigger, expected: Any
) -> None:
    """It was made, or claimed, at the moment at which its task was stopped."""
    server = await rig.server(demo_target)
    task = await a_task(store, server, **values)
    row = await rig.ran(server, "true", task_id=task, trigger=trigger)
    assert stopped(row) == expected
    assert (row.remote is None) == (expected[0] == State.CANCELLED)


@pytest.mark.parametrize("mode", list(BOTH_WAYS))
async def test_a_task_that_is_deleted_while_its_run_waits_for_its_server_starts_nothing(
    store: Store, openssh: Target, mode: Mode, tmp_path: Any
) -> None:
    """The runner has looked, and has a shell on the server: the last word is had right before the start."""

    async def late(drive: Drive, shells: ShellSource) -> Outcome:
        assert drive.row.task_id is not None
        assert await store.run(tasks.delete, drive.row.task_id, drive.parts.clock())
        return await BOTH_WAYS[mode](drive, shells).execute()

    async with running(Rig(Wanted(store=store, ways={mode: follow(late)}))) as rig:
        server = await rig.server(openssh, run_mode=mode)
        task = await a_task(store, server)
        row = await rig.ran(server, f"touch {tmp_path}/started", task_id=task, mode=mode)
    assert stopped(row) == DELETED
    assert list(tmp_path.glob("started")) == []
