"""Fleet runs are carried on from the tables: batch after batch, stopped after failures, and ended."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from db.fleet_changes import Tally
from db.fleet_models import FleetRun
from db.models import TaskExecution
from db.values import FleetReason, FleetState, MemberState, OnRefused, Refusal, State
from resolvers import fleets, servers, tasks
from resolvers.inputs import ServerChange
from runner.fleet import messages
from runner.fleet.controller import FleetController
from runner.fleet.decision import Delay, End, StartBatch, Stop, Wait, compute_batch, decide
from runner.fleet.moves import advance, is_due
from tests.support.desk import NOON, Desk
from tests.support.fleets import add_servers, list_members, start

pytestmark = pytest.mark.anyio
WEB: dict[str, Any] = {"tags_all": ["web"]}
STOP = Stop(FleetReason.STOP_AFTER)


def fleet_run(**changes: Any) -> FleetRun:
    usual: dict[str, Any] = {
        "batch_size": {"servers": 2},
        "pause_seconds": 0,
        "stop_after": None,
        "size": 10,
        "reason": None,
    }
    return FleetRun(**usual | {"next_start_at": None} | changes)


def tally(executions: Mapping[str, int], *, last_end: Any = NOON, **members: int) -> Tally:
    return Tally(executions, members, last_end)


CASES = [
    ({}, tally({"RUNNING": 1, "SUCCESS": 1}, WAITING=8, STARTED=2), Wait()),
    ({}, tally({"SUCCESS": 2}, WAITING=8, STARTED=2), StartBatch(2)),
    ({"batch_size": {"percent": 15}}, tally({"SUCCESS": 2}, WAITING=8, STARTED=2), StartBatch(2)),
    ({"batch_size": {"percent": 25}}, tally({"SUCCESS": 2}, WAITING=8, STARTED=2), StartBatch(3)),
    ({"pause_seconds": 9}, tally({"SUCCESS": 2}, WAITING=8), Delay(NOON + timedelta(seconds=9))),
    ({"pause_seconds": 9, "next_start_at": NOON + timedelta(seconds=1)}, tally({"SUCCESS": 2}, WAITING=8), Wait()),
    ({"pause_seconds": 9, "next_start_at": NOON}, tally({"SUCCESS": 2}, WAITING=8), StartBatch(2)),
    ({"stop_after": {"failures": 2}}, tally({"FAILED": 1, "RUNNING": 1}, WAITING=8), Wait()),
    (
        {"stop_after": {"failures": 2}},
        tally({"FAILED": 1, "TIMEOUT": 1, "RUNNING": 1}, WAITING=7),
        Stop(FleetReason.STOP_AFTER),
    ),
    ({"stop_after": {"percent": 11}}, tally({"FAILED": 2, "PENDING": 1}, STARTED=10), STOP),
    ({"stop_after": {"percent": 21}}, tally({"FAILED": 2}, WAITING=8), StartBatch(2)),
    ({"stop_after": {"failures": 1}}, tally({"FAILED": 1, "SUCCESS": 9}, STARTED=10), End(FleetState.FAILED)),
    ({"reason": "STOP_AFTER"}, tally({"FAILED": 1, "RUNNING": 1}, NOT_STARTED=8), Wait()),
    ({"reason": "STOP_AFTER"}, tally({"FAILED": 2}, NOT_STARTED=8), End(FleetState.STOPPED)),
    ({"reason": "CANCELLED"}, tally({"SUCCESS": 10}, STARTED=10), End(FleetState.CANCELLED)),
    ({}, tally({"SUCCESS": 10}, STARTED=10), End(FleetState.SUCCESS)),
    ({}, tally({"SUCCESS": 9}, STARTED=9, REFUSED=1), End(FleetState.FAILED)),
    ({}, tally({"SUCCESS": 9, "CANCELLED": 1}, STARTED=10), End(FleetState.FAILED)),
    ({}, tally({}, last_end=None, REFUSED=10), End(FleetState.FAILED)),
]


@pytest.mark.parametrize(("columns", "found", "move"), CASES)
def test_the_next_move_follows_from_the_tables_alone(columns: dict[str, Any], found: Tally, move: Any) -> None:
    assert decide(fleet_run(**columns), found, NOON) == move


def test_a_percentage_is_of_all_servers_and_rounded_up() -> None:
    assert [compute_batch({"percent": 1}, size) for size in (1, 99, 100, 101, 1000)] == [1, 1, 1, 2, 10]
    assert compute_batch(None, 7) == 7


async def end_batch(desk: Desk, *states: State) -> list[int]:
    """End what is pending, in these states or else as SUCCESS. Return the ids of the servers."""
    waiting = sorted(row.server_id for row in await desk.executions() if row.state == State.PENDING)
    for state in states or [State.SUCCESS] * len(waiting):
        await desk.finish(await desk.claimed(), state)
    return waiting


async def go_on(desk: Desk, row: FleetRun) -> FleetRun:
    await desk.service.store.run(advance, row.id, desk.clock.now)
    return await fleets.get(desk.viewer, row.id)


async def test_a_batch_starts_when_the_one_before_has_ended_and_the_pause_is_over(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 5)
    row = await start(desk, terms={"batch_size": {"percent": 40}, "pause_seconds": 30}, **WEB)
    assert (row.started, len(await desk.executions())) == (2, 2)
    await desk.finish(await desk.claimed())
    assert not await desk.service.store.read(is_due, row.id, desk.clock.now)
    assert (await go_on(desk, row)).started == 2
    await desk.finish(await desk.claimed())
    assert await desk.service.store.read(is_due, row.id, desk.clock.now)
    paused = await go_on(desk, row)
    assert (paused.started, paused.next_start_at) == (2, desk.clock.now + timedelta(seconds=30))
    desk.clock.forward(29)
    assert (await go_on(desk, row)).started == 2
    desk.clock.forward(1)
    assert (await go_on(desk, row)).started == 4
    assert await end_batch(desk) == [4, 5]
    desk.clock.forward(31)
    await go_on(desk, row)
    desk.clock.forward(31)
    assert (await go_on(desk, row)).started == 5
    assert await end_batch(desk) == [6]
    ended = await go_on(desk, row)
    assert (ended.state, ended.end_time, ended.reason) == (FleetState.SUCCESS, desk.clock.now, None)
    assert not await desk.service.store.read(is_due, row.id, desk.clock.now)


async def test_it_stops_after_failures_and_leaves_what_runs_alone(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 6)
    row = await start(desk, terms={"stop_after": {"failures": 2}}, **WEB)
    failed, also, running = [await desk.claimed() for _ in range(3)]
    await desk.finish(failed, State.FAILED)
    assert (await go_on(desk, row)).reason is None
    await desk.finish(also, State.TIMEOUT)
    stopped = await go_on(desk, row)
    assert (stopped.state, stopped.reason) == (FleetState.RUNNING, FleetReason.STOP_AFTER)
    states = [each.state for each in await list_members(desk, row.id)]
    assert states == [MemberState.STARTED] * 3 + [MemberState.NOT_STARTED] * 3
    kept = next(each for each in await desk.executions() if each.id == running.id)
    assert (kept.state, kept.cancel_at) == (State.RUNNING, None)
    await desk.finish(running)
    assert (await go_on(desk, row)).state == FleetState.STOPPED


async def test_a_batch_leaves_out_servers_that_may_not_be_used_any_more(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 5)
    row = await start(desk, terms={"batch_size": {"servers": 1}}, **WEB)
    await servers.update(desk.admin, 3, ServerChange(enabled=False))
    await servers.delete(desk.admin, 4)
    window = {"from": NOON, "until": NOON + timedelta(hours=1)}
    await servers.update(desk.admin, 5, ServerChange(blackouts=[window]))
    await end_batch(desk)
    for _ in range(4):
        await go_on(desk, row)
    members = await list_members(desk, row.id)
    assert [each.refusal for each in members] == [None, Refusal.DISABLED, Refusal.DELETED, Refusal.BLACKOUT, None]
    assert messages.choose(members[1].message, "en") == "it was disabled before its batch started"
    words = [messages.choose(each.message, "zh") for each in members]
    assert words[:3] == [None, "在其批次开始之前已被停用", "在其批次开始之前已被删除"]
    assert str(words[3]).startswith("其批次开始时处于停止窗口，直到 2026-")
    assert await end_batch(desk) == [6]
    assert (await go_on(desk, row)).state == FleetState.FAILED


async def test_nothing_more_starts_once_the_task_is_deleted(desk: Desk) -> None:
    await add_servers(desk, 2)
    task = (await desk.task()).task
    row = await start(desk, task_id=task.id, terms={"batch_size": {"servers": 1}}, **WEB)
    await end_batch(desk)
    await tasks.delete(desk.operator, task.id)
    ended = await go_on(desk, row)
    assert (ended.state, ended.reason) == (FleetState.STOPPED, FleetReason.TASK_DELETED)


async def test_another_controller_goes_on_where_one_was_killed(either_desk: Desk) -> None:
    """All that it knows is in the tables, so one that is made anew is one after a kill."""
    desk = either_desk
    await add_servers(desk, 3)
    row = await start(desk, terms={"batch_size": {"servers": 1}, "on_refused": OnRefused.SKIP}, **WEB)
    ran: list[int] = []
    for _ in range(3):
        controller = FleetController(bus=desk.service.bus, store=desk.service.store, clock=desk.clock)
        ran += await end_batch(desk)
        await controller.tick()
    assert ran == [2, 3, 4]
    assert len(await desk.executions()) == 3
    assert (await fleets.get(desk.viewer, row.id)).state == FleetState.SUCCESS


async def test_two_controllers_start_each_batch_once(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 4)
    row = await start(desk, terms={"batch_size": {"servers": 2}}, **WEB)
    made = [FleetController(bus=desk.service.bus, store=desk.service.store, clock=desk.clock) for _ in range(2)]
    ran: list[int] = []
    for _ in range(2):
        ran += await end_batch(desk)
        await asyncio.gather(*(each.tick() for each in made))
    assert ran == [2, 3, 4, 5]
    assert len(await desk.executions()) == 4
    assert (await fleets.get(desk.viewer, row.id)).state == FleetState.SUCCESS


async def test_a_controller_that_has_nothing_to_do_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await add_servers(desk, 1)
    await start(desk, **WEB)
    controller = FleetController(bus=desk.service.bus, store=desk.service.store, clock=desk.clock)
    before: list[TaskExecution] = await desk.executions()

    async def refuse(*given: Any) -> None:
        raise AssertionError("a write")

    monkeypatch.setattr(type(desk.service.store), "run", refuse)
    await controller.tick()
    assert await desk.executions() == before
