"""Deleting a task cancels what waits to start of it, tells who watches it, and the audit says what was cancelled."""

import json

import pytest

from db import audit
from db.values import Reason, State
from resolvers import tasks
from runner.bus import EXECUTIONS, execution_address
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio


async def test_a_run_that_waits_is_cancelled_with_its_task_and_its_watchers_are_woken(either_desk: Desk) -> None:
    desk = either_desk
    task = (await desk.task(cron_expr="@once")).task
    (waiting,) = await desk.executions()
    bus = desk.service.bus
    with bus.watch(execution_address(waiting.id)) as watch, bus.watch(EXECUTIONS) as listing:
        await tasks.delete(desk.operator, task.id)
        assert (watch.is_set, listing.is_set) == (True, True)
    (row,) = await desk.executions()
    assert (row.state, row.reason) == (State.CANCELLED, Reason.CANCELLED)
    assert (row.message, row.end_time) == ("its task was deleted before it could start", desk.clock())
    (*_, event) = await desk.service.store.read(audit.list_after, 0, 100)
    assert (event.kind, json.loads(event.after or "")) == ("task-deleted", {"cancelled_executions": [row.id]})


async def test_a_run_that_goes_on_is_left_alone(either_desk: Desk) -> None:
    task = (await either_desk.task(cron_expr="@once")).task
    running = await either_desk.claimed()
    await tasks.delete(either_desk.operator, task.id)
    (row,) = await either_desk.executions()
    assert (row.id, row.state, row.cancel_at) == (running.id, State.RUNNING, None)
    (*_, event) = await either_desk.service.store.read(audit.list_after, 0, 100)
    assert (event.kind, event.after) == ("task-deleted", None)
