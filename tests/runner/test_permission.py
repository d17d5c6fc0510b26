"""What is about to start is asked about again: whether its server is there, and whether its user still may."""

from typing import Any

import pytest

from db import grants, servers, users
from db.grants import GrantTarget
from db.models import Task
from db.store import Store
from db.values import Overlap, Reason, Role, State
from runner.scheduling.terms import Terms
from tests.support import runs as support_runs
from tests.support.ledger import Ledger, at, ledger
from tests.support.rig import Rig, Wanted, running
from tests.support.targets import Target

pytestmark = pytest.mark.anyio
__all__ = ["ledger"]

NOT_ALLOWED = [{"role": Role.VIEWER}, {"role": Role.NONE}, {"disabled": True}]


async def grant(store: Store, user_id: int, place: GrantTarget, role: Role) -> None:
    where = {"server_id": place.server_id, "tag": place.tag}
    await store.run(grants.insert, where | {"user_id": user_id, "role": role, "created_by": None, "created_at": at(0)})


async def due(ledger: Ledger, **changes: Any) -> Task:
    return await ledger.task("* * * * *", next_run=at(60), **changes)


@pytest.mark.parametrize("change", NOT_ALLOWED)
async def test_a_slot_of_a_user_who_may_not_run_it_any_more_leaves_a_line(
    ledger: Ledger, change: dict[str, Any]
) -> None:
    task = await due(ledger)
    assert task.server_id is not None
    await ledger.store.run(users.update, task.created_by, change)
    await ledger.fire(60)
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.execution_id) == ("not-allowed", None)
    assert "takes it over" in str(line.reason)
    assert (await ledger.read(task)).next_run == at(120)


async def test_a_slot_runs_by_a_grant_on_its_server_or_on_a_tag_of_it(ledger: Ledger) -> None:
    task = await due(ledger)
    assert task.server_id is not None
    await ledger.store.run(users.update, task.created_by, {"role": Role.NONE})
    await grant(ledger.store, task.created_by, GrantTarget(server_id=task.server_id), Role.VIEWER)
    await ledger.store.run(servers.update, task.server_id, {"tags": ["web"]})
    await ledger.fire(60)
    await grant(ledger.store, task.created_by, GrantTarget(tag="web"), Role.OPERATOR)
    await ledger.fire(120)
    await ledger.store.run(servers.update, task.server_id, {"tags": ["other"]})
    await ledger.fire(180)
    assert await ledger.outcomes(task) == [(60, "not-allowed"), (120, "fired"), (180, "not-allowed")]


async def test_a_scheduled_run_goes_in_the_name_of_who_last_changed_the_task(ledger: Ledger) -> None:
    successor = await support_runs.user(ledger.store, "grace")
    task = await due(ledger)
    assert task.server_id is not None
    await ledger.store.run(users.update, task.created_by, {"disabled": True})
    await ledger.change(task, updated_by=successor)
    await ledger.fire(60)
    assert [run.created_by for run in await ledger.runs(task)] == [successor]
    await ledger.store.run(users.update, successor, {"disabled": True})
    await ledger.store.run(users.update, task.created_by, {"disabled": False})
    await ledger.fire(120)
    assert await ledger.outcomes(task) == [(60, "fired"), (120, "not-allowed")]


@pytest.mark.parametrize("change", [{"enabled": False}, {"deleted_at": at(1)}])
async def test_slots_of_a_deleted_or_disabled_server_are_skipped(ledger: Ledger, change: dict[str, Any]) -> None:
    task = await due(ledger)
    assert task.server_id is not None
    await ledger.store.run(servers.update, task.server_id, change)
    await ledger.fire(60)
    (line,) = await ledger.lines(task)
    why = "its server, or a jump server on the way to it, is deleted or disabled"
    assert (line.outcome, line.reason) == ("skipped-server", why)
    assert await ledger.runs(task) == []


async def test_a_waiting_slot_of_a_user_who_may_not_run_it_any_more_does_not_start(ledger: Ledger) -> None:
    task = await due(ledger, terms=Terms(overlap=Overlap.QUEUE))
    run = await ledger.run_of(task, state=State.RUNNING)
    await ledger.fire(60)
    await ledger.store.run(users.update, task.created_by, {"disabled": True})
    await ledger.end(run.id, state=State.SUCCESS, reason=Reason.EXIT_STATUS)
    assert await ledger.follow(61) == []
    assert await ledger.outcomes(task) == [(60, "not-allowed")]


@pytest.mark.parametrize("change", NOT_ALLOWED)
async def test_a_run_whose_user_may_not_run_it_any_more_is_not_started(
    store: Store, demo_target: Target, change: dict[str, Any], tmp_path: Any
) -> None:
    rig = Rig(Wanted(store=store))
    id = await rig.pending(await rig.server(demo_target), f"touch {tmp_path / 'ran'}")
    await store.run(users.update, await support_runs.user(store), change)
    async with running(rig):
        row = await rig.ended(id)
    assert (row.state, row.reason, row.remote) == (State.FAILED, Reason.NOT_ALLOWED, None)
    assert "disabled, or no operator" in (row.message or "")
    assert not (tmp_path / "ran").exists()


async def test_a_run_of_a_user_with_a_grant_on_its_server_is_started(store: Store, demo_target: Target) -> None:
    rig, user = Rig(Wanted(store=store)), await support_runs.user(store)
    servers_of_two = [await rig.server(demo_target), await rig.server(demo_target)]
    ids = [await rig.pending(server, "true") for server in servers_of_two]
    await store.run(users.update, user, {"role": Role.VIEWER})
    await grant(store, user, GrantTarget(server_id=servers_of_two[0]), Role.OPERATOR)
    async with running(rig):
        assert [(await rig.ended(id)).state for id in ids] == [State.SUCCESS, State.FAILED]
