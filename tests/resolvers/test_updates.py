"""Changes of state are told as they happen, each once, whoever makes them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from db import claims, transitions
from db.executions import ExecutionFilter
from db.store import open_store
from db.values import State
from resolvers import executions, updates
from resolvers.errors import Invalid
from tests.support import rows
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio

Updates = AsyncGenerator[Any, None]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(updates, "PAUSE_SECONDS", 0.0)


async def watching(desk: Desk, **filter: Any) -> tuple[Updates, asyncio.Task[Any]]:
    """A watcher that has had its first look."""
    events = updates.follow(desk.viewer, ExecutionFilter(**filter))
    coming = asyncio.ensure_future(anext(events))
    while not desk.service.bus._watches:  # noqa: ASYNC110 - the first look has no event
        await asyncio.sleep(0)
    await desk.service.store.read(lambda conn: None)
    await asyncio.sleep(0.02)
    return events, coming


async def test_every_state_of_a_run_is_told(desk: Desk) -> None:
    events, coming = await watching(desk)
    made = await executions.run_command(desk.operator, desk.command())
    assert ((await coming).id, (await coming).state) == (made.id, State.PENDING)
    row = await desk.claimed()
    assert (await anext(events)).state == State.RUNNING
    await executions.cancel(desk.operator, row.id)
    asked = await anext(events)
    assert (asked.state, asked.cancel_at is not None) == (State.RUNNING, True)
    await desk.finish(row, State.CANCELLED)
    assert (await anext(events)).state == State.CANCELLED
    await events.aclose()


async def test_what_was_there_before_is_not_told(desk: Desk) -> None:
    await executions.run_command(desk.operator, desk.command())
    await desk.finish(await desk.claimed())
    await executions.run_command(desk.operator, desk.command())
    events, coming = await watching(desk)
    made = await executions.run_command(desk.operator, desk.command())
    assert (await coming).id == made.id
    await events.aclose()


async def test_a_run_too_quick_to_be_seen_running_is_told_to_have_ended(desk: Desk) -> None:
    events, coming = await watching(desk)

    def whole(conn: Any) -> int:
        made = rows.pending(conn, server_id=1)
        (row,) = claims.claim(conn, runner_id="runner", at=rows.NOON, limit=1)
        transitions.finish(conn, row.id, row.fence, {"state": State.SUCCESS, "end_time": rows.NOON})
        return made.id

    id = await desk.service.store.run(whole)
    told = await coming
    assert (told.id, told.state) == (id, State.SUCCESS)
    await events.aclose()


async def test_only_what_the_filter_names_is_told(desk: Desk) -> None:
    other = await desk.server(name="other")
    events, coming = await watching(desk, server_id=other.id, states=("RUNNING", "SUCCESS"))
    await executions.run_command(desk.operator, desk.command())
    await desk.finish(await desk.claimed())
    mine = await executions.run_command(desk.operator, desk.command(server_id=other.id))
    row = await desk.claimed()
    told = await coming
    assert (told.id, told.state) == (mine.id, State.RUNNING)
    await desk.finish(row)
    assert (await anext(events)).state == State.SUCCESS
    await events.aclose()


async def test_many_runs_at_once_are_all_told_to_their_end(desk: Desk) -> None:
    events, coming = await watching(desk)
    for _ in range(40):
        await executions.run_command(desk.operator, desk.command())

    async def drive() -> None:
        for _ in range(40):
            row = await desk.claimed()
            await desk.finish(row, State.SUCCESS)

    driving = asyncio.create_task(drive())
    told: dict[int, list[str]] = {}
    async for row in chained(coming, events):
        told.setdefault(row.id, []).append(row.state)
        if [states[-1] for states in told.values()].count("SUCCESS") == 40:
            break
    await driving
    for states in told.values():
        assert states == sorted(set(states), key=lambda state: list(State).index(State(state)))
    await events.aclose()


async def chained(first: asyncio.Task[Any], rest: Updates) -> AsyncIterator[Any]:
    yield await first
    async for event in rest:
        yield event


async def test_changes_of_another_process_are_told_without_a_hint(desk: Desk, tmp_path: Any) -> None:
    events, coming = await watching(desk)
    other = await open_store(f"sqlite:///{tmp_path / 'data' / 'sshcast.db'}")
    made = await other.run(rows.pending, server_id=1)
    assert (await coming).id == made.id
    await other.run(claims.claim, runner_id="another", at=rows.NOON, limit=1)
    assert (await anext(events)).state == State.RUNNING
    await other.close()
    await events.aclose()


async def test_ids_that_turn_up_late_are_told_too(desk: Desk) -> None:
    """On PostgreSQL a lower id may be committed after a higher one."""
    await desk.service.store.run(rows.pending, server_id=1, id=500)
    events, coming = await watching(desk)
    await desk.service.store.run(rows.pending, server_id=1, id=450, state=State.SUCCESS)
    assert (await coming).id == 450
    await events.aclose()


async def test_a_filter_that_nothing_matches_is_refused(desk: Desk) -> None:
    with pytest.raises(Invalid):
        await anext(updates.follow(desk.viewer, ExecutionFilter(server_id=2**63)))
