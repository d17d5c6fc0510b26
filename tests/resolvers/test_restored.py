"""A database that was restored: what went on since its backup is told as unknown, and none of it is started again."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from db import claims, events, executions, fleets, personal_tokens, runners, sessions, slots, stdin, tasks
from db import restored as table
from db.event_filters import EventFilter
from db.fleet_models import FleetMember
from db.models import ScheduleSlot, TaskExecution
from db.restored import Restored
from db.rows import get_table, load_all
from db.store import Store
from db.values import FleetState, MemberState, Mode, Reason, SlotOutcome, State, TokenScope
from resolvers.restored import Settlement, settle
from runner.fleet import messages, moves
from runner.scheduling import firing
from tests.support import rows
from tests.support.ledger import allowed, lines
from tests.support.postgres import postgres
from tests.support.rows import at
from tests.support.stores import both_stores as store
from tests.support.stores import database, template

__all__ = ["database", "postgres", "store", "template"]

pytestmark = pytest.mark.anyio

TAKEN, NOW = at(3600), at(7200)
SPOOL = {"spool": "7-abc.", "at": at(3000).timestamp()}


async def settled(store: Store, **changes: Any) -> Settlement:
    return await store.run(settle, Restored(TAKEN, NOW), **changes)


def running(conn: Connection, /, **values: Any) -> int:
    row = rows.pending(conn)
    table = get_table(TaskExecution)
    conn.execute(
        update(table).where(table.c.id == row.id).values(state=State.RUNNING, fence=1, runner_id="old", **values)
    )
    return row.id


async def load(store: Store, id: int) -> TaskExecution:
    found = await store.read(executions.by_id, id)
    assert found is not None
    return found


async def test_what_waited_is_lost_with_the_reason_and_claimed_by_nobody(store: Store) -> None:
    id = (await store.run(rows.pending)).id
    await store.run(stdin.insert_sealed, id, b"sealed")
    found = await settled(store)
    row = await load(store, id)
    assert (found.lost, row.state, row.reason, row.start_time) == (1, State.FAILED, Reason.LOST, None)
    assert row.message == (
        "it waited for a runner when the backup of 2026-11-24T13:00:00Z was made that this service was restored from: "
        "whether it ran since, and how it ended, is unknown"
    )
    assert await store.read(stdin.load_sealed, id) is None
    assert await store.run(claims.claim, runner_id="new", at=NOW, limit=10) == []


@pytest.mark.parametrize("values", [{}, {"mode": Mode.ATTACHED, "remote": SPOOL}, {"mode": Mode.DURABLE}])
async def test_what_ran_without_files_on_its_target_is_lost(store: Store, values: dict[str, Any]) -> None:
    id = await store.run(running, **values)
    assert (await settled(store)).lost == 1
    row = await load(store, id)
    assert (row.state, row.reason, row.end_time) == (State.FAILED, Reason.LOST, NOW)
    assert "it ran when the backup of" in (row.message or "")


async def test_a_durable_run_is_looked_for_and_cannot_be_started_again(store: Store) -> None:
    id = await store.run(running, mode=Mode.DURABLE, remote=SPOOL)
    found = await settled(store)
    row = await load(store, id)
    assert (found.lost, found.looked_for, row.state) == (0, 1, State.RUNNING)
    assert row.remote == SPOOL | {"known": True, "restored": "2026-11-24T13:00:00Z"}


async def test_no_slot_since_the_backup_runs_and_each_is_in_the_ledger(store: Store) -> None:
    task = await store.run(rows.task, cron_expr="0 * * * *", next_run=at(3600), terms={"missed": "all"})
    assert (await settled(store)).slots == 2
    found = await store.read(lines, task.id)
    assert [(line.slot, line.outcome, line.execution_id) for line in found] == [
        (at(3600), SlotOutcome.MISSED, None),
        (at(7200), SlotOutcome.MISSED, None),
    ]
    assert {line.reason for line in found} == {
        "it was due when this service, restored from a backup of 2026-11-24T13:00:00Z, knew nothing: whether it ran is "
        "unknown"
    }
    fired = await store.run(firing.fire_due, NOW + timedelta(seconds=1), allowed)
    assert (fired.tasks, fired.started) == (0, 0)
    assert (await store.run(firing.fire_due, at(10_800), allowed)).started == 1


@pytest.mark.parametrize("cron", ["* * * * *", "@every 1m"])
async def test_of_a_task_with_very_many_slots_the_first_are_listed_and_it_goes_on_in_step(
    store: Store, cron: str
) -> None:
    first = NOW - timedelta(days=3)
    task = await store.run(rows.task, cron_expr=cron, next_run=first)
    assert (await settled(store)).slots == 500
    found = await store.read(lines, task.id)
    assert found[-1].reason is not None
    assert found[-1].reason.endswith("the later ones until 2026-11-24 14:00:00 UTC, which are not listed")
    kept = await store.read(tasks.by_id, task.id)
    assert kept is not None
    assert kept.next_run == NOW + timedelta(minutes=1)


async def test_an_open_slot_gets_no_retry_and_a_waiting_one_does_not_start(store: Store) -> None:
    task = await store.run(rows.task, cron_expr="0 * * * *", terms={"retry_limit": 3, "retry_on": ["LOST"]})
    common = {"task_id": task.id, "decided_at": at(0), "open": True, "retries_left": 3}
    await store.run(
        rows_of_ledger,
        [
            common | {"slot": at(0), "outcome": SlotOutcome.FIRED, "becomes": None},
            common | {"slot": at(60), "outcome": SlotOutcome.WAITING, "becomes": SlotOutcome.FIRED},
        ],
    )
    assert (await settled(store)).open_slots == 2
    found = await store.read(lines, task.id)
    assert [(line.outcome, line.open, line.retries_left) for line in found] == [
        (SlotOutcome.FIRED, False, 0),
        (SlotOutcome.MISSED, False, 0),
    ]
    assert found[1].reason == (
        "it was decided for a backup of 2026-11-24T13:00:00Z, from which this service was restored: what became of it "
        "is unknown"
    )
    assert await store.read(slots.list_actionable, NOW + timedelta(days=1), 10) == []


def rows_of_ledger(conn: Connection, values: list[dict[str, Any]]) -> None:
    conn.execute(insert(get_table(ScheduleSlot)), values)


def fleet_of_two(conn: Connection) -> int:
    """A fleet run in which one server has a pending execution and one waits for its batch."""
    ids = [rows.server(conn).id for _ in range(2)]
    run = rows.fleet_run(conn, ids, started=1, batch_size={"servers": 1})
    rows.join(conn, rows.pending(conn, server_id=ids[0], fleet_run_id=run.id))
    members = get_table(FleetMember)
    conn.execute(update(members).where(members.c.server_id == ids[1]).values(state=MemberState.WAITING))
    return run.id


def load_members(conn: Connection, id: int) -> list[FleetMember]:
    members = get_table(FleetMember)
    return load_all(conn, select(members).where(members.c.fleet_run_id == id).order_by(members.c.position), FleetMember)


async def test_a_fleet_run_starts_nothing_more_and_ends(store: Store) -> None:
    id = await store.run(fleet_of_two)
    assert (await settled(store)).fleet_runs == 1
    await store.run(moves.advance, id, NOW)
    run, members = await store.read(fleets.by_id, id), await store.read(load_members, id)
    assert run is not None
    assert (run.state, run.end_time) == (FleetState.CANCELLED, NOW)
    assert [member.state for member in members] == [MemberState.STARTED, MemberState.NOT_STARTED]
    assert messages.choose(members[1].message, "en") == (
        "this service was restored from a backup of 2026-11-24T13:00:00Z: whether it was started since is unknown"
    )
    assert await store.run(claims.claim, runner_id="new", at=NOW, limit=10) == []


async def test_sign_ins_end_and_access_tokens_of_the_time_are_not_valid(store: Store) -> None:
    user = await store.run(rows.user)
    session = await store.run(
        sessions.insert, user_id=user.id, refresh_id="x", address="::1", at=at(0), until=at(99_999)
    )
    assert await store.read(sessions.find_holder, user.id, user.token_version, session.id) is not None
    assert (await settled(store)).sessions == 1
    assert await store.read(sessions.find_holder, user.id, user.token_version, session.id) is None
    assert await store.read(sessions.find_holder, user.id, user.token_version + 1, session.id) is None
    assert await store.read(sessions.find_holder, user.id, user.token_version, 0) is None


@pytest.mark.parametrize("revoke", [False, True])
async def test_personal_tokens_stay_unless_they_are_to_be_revoked(store: Store, revoke: bool) -> None:
    user = await store.run(rows.user)
    token = {"user_id": user.id, "name": "ci", "hash": "h", "scope": TokenScope.RUN}
    await store.run(personal_tokens.insert, token | {"created_at": at(0), "expires_at": at(99_999)})
    found = await settled(store, revoke_tokens=revoke)
    assert (found.revoked, found.valid) == ((1, 0) if revoke else (0, 1))
    assert (await store.read(personal_tokens.find_holder, "h") is None) is revoke


async def test_no_event_to_come_has_a_number_that_an_old_cursor_has_passed(store: Store) -> None:
    if store.dialect != "sqlite":
        pytest.skip("PostgreSQL's events are numbered by its transactions")
    await store.run(rows.pending)
    after_the_backup = (await store.read(events.find_end))[0], (await store.read(events.find_end))[1] + 500
    await settled(store)
    await store.run(rows.pending)
    found = await store.read(events.read, EventFilter(), events.EventRange(100, after=after_the_backup))
    assert isinstance(found, events.EventsFound)
    assert "execution-created" in {row.kind for row in found.rows}


async def test_the_leases_of_the_time_are_forgotten_and_live_ones_are_seen(store: Store) -> None:
    if store.dialect != "postgresql":
        pytest.skip("SQLite has no leases")
    await store.run(runners.heartbeat, "alive")
    assert await store.read(table.list_live_runners) == ["alive"]
    await settled(store)
    assert await store.read(table.list_live_runners) == []
