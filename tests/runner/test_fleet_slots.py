"""Slots of fleet tasks: each makes a fleet run on the servers that are selected then, on both databases."""

from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from db import fleets, rows, tasks, users
from db.fleet_models import FleetMember, FleetRun
from db.models import Server, Task
from db.values import FleetState, MemberState, OnRefused, Overlap, Role
from runner.fleet.moves import advance
from tests.support import rows as make
from tests.support.ledger import Ledger, at, ledger, refused

pytestmark = pytest.mark.anyio
__all__ = ["ledger"]

TERMS = {"batch_size": {"servers": 2}, "pause_seconds": 0, "stop_after": None, "on_refused": OnRefused.SKIP}


async def add_task(ledger: Ledger, terms: Any = None, fleet: dict[str, Any] | None = None, **changes: Any) -> Task:
    """A task on every server with the tag `web`, due each minute."""
    place = {"server_id": None, "selector": {"tags_all": ["web"]}, "fleet_terms": TERMS | (fleet or {})}

    def add(conn: Connection) -> Task:
        made = make.task(conn, cron_expr="* * * * *", next_run=at(60), terms=terms or {}, command="df -h")
        conn.execute(update(rows.get_table(Task)).where(rows.get_table(Task).c.id == made.id).values(**place | changes))
        return tasks.by_id(conn, made.id) or made

    return await ledger.store.run(add)


async def add_servers(ledger: Ledger, number: int, **changes: Any) -> list[Server]:
    def add(conn: Connection) -> list[Server]:
        return [make.server(conn, **{"tags": ["web"]} | changes) for _ in range(number)]

    return await ledger.store.run(add)


async def find_fleet_runs(ledger: Ledger, task: Task) -> list[FleetRun]:
    table = rows.get_table(FleetRun)
    query = select(table).where(table.c.task_id == task.id).order_by(table.c.id)
    return await ledger.store.read(lambda conn: rows.load_all(conn, query, FleetRun))


async def find_members(ledger: Ledger, run: FleetRun) -> list[tuple[int, str]]:
    table = rows.get_table(FleetMember)
    query = select(table).where(table.c.fleet_run_id == run.id).order_by(table.c.position)
    found = await ledger.store.read(lambda conn: rows.load_all(conn, query, FleetMember))
    return [(member.server_id, member.state) for member in found]


async def end(ledger: Ledger, run: FleetRun) -> None:
    table = rows.get_table(FleetRun)
    change = update(table).where(table.c.id == run.id).values(state=FleetState.SUCCESS, end_time=at(100))
    await ledger.store.run(lambda conn: conn.execute(change).close())


async def test_a_slot_makes_one_fleet_run_on_the_servers_selected_then(ledger: Ledger) -> None:
    early = await add_servers(ledger, 2)
    await add_servers(ledger, 1, tags=["db"])
    task = await add_task(ledger)
    late = await add_servers(ledger, 1)
    fired = await ledger.fire(60)
    assert (fired.decided, fired.started, fired.fleets) == (1, 0, True)
    (line,), (run,) = await ledger.lines(task), await find_fleet_runs(ledger, task)
    assert (line.outcome, line.fleet_run_id, line.execution_id, line.open) == ("fired", run.id, None, False)
    assert (run.trigger, run.slot, run.command, run.size, run.batch_size) == (
        "schedule",
        at(60),
        "df -h",
        3,
        {"servers": 2},
    )
    assert await find_members(ledger, run) == [(row.id, MemberState.WAITING) for row in (*early, *late)]
    assert (await ledger.fire(60)).decided == 0
    assert (await ledger.read(task)).next_run == at(120)


async def test_the_controller_starts_its_first_batch(ledger: Ledger) -> None:
    servers = await add_servers(ledger, 3)
    task = await add_task(ledger)
    await ledger.fire(60)
    (run,) = await find_fleet_runs(ledger, task)
    started = await ledger.store.run(advance, run.id, at(61))
    found = await ledger.runs(task)
    assert [row.id for row in found] == started.executions
    assert [(row.server_id, row.command, row.trigger, row.slot) for row in found] == [
        (server.id, "df -h", "schedule", at(60)) for server in servers[:2]
    ]


async def test_a_selector_that_selects_nothing_leaves_its_reason(ledger: Ledger) -> None:
    task = await add_task(ledger)
    await ledger.fire(60)
    (line,) = await ledger.lines(task)
    assert (line.outcome, line.reason) == ("skipped-server", "its selector selects no server")
    assert await find_fleet_runs(ledger, task) == []


async def test_with_fail_all_one_disabled_server_keeps_the_slot_from_running(ledger: Ledger) -> None:
    await add_servers(ledger, 1)
    await add_servers(ledger, 1, enabled=False, name="tired")
    skips, fails = await add_task(ledger), await add_task(ledger, fleet={"on_refused": OnRefused.FAIL_ALL})
    await ledger.fire(60)
    assert await ledger.outcomes(skips) == [(60, "fired")]
    (line,) = await ledger.lines(fails)
    assert line.outcome == "skipped-server"
    assert "1 of 2 servers" in str(line.reason)
    assert "tired" in str(line.reason)


async def test_what_the_policy_refuses_makes_no_fleet_run(ledger: Ledger) -> None:
    await add_servers(ledger, 1)
    task = await add_task(ledger)
    await ledger.fire(60, judge=refused)
    assert await ledger.outcomes(task) == [(60, "refused-by-policy")]
    assert await find_fleet_runs(ledger, task) == []


async def test_who_lost_the_role_everywhere_runs_nothing(ledger: Ledger) -> None:
    await add_servers(ledger, 1)
    task = await add_task(ledger)
    await ledger.store.run(users.update, task.created_by, {"role": Role.VIEWER})
    await ledger.fire(60)
    assert await ledger.outcomes(task) == [(60, "not-allowed")]


async def test_an_open_fleet_run_is_an_overlap(ledger: Ledger) -> None:
    await add_servers(ledger, 1)
    task = await add_task(ledger, {"overlap": Overlap.SKIP})
    await ledger.fire(60)
    await ledger.fire(120)
    (run,) = await find_fleet_runs(ledger, task)
    await end(ledger, run)
    await ledger.fire(180)
    assert await ledger.outcomes(task) == [(60, "fired"), (120, "skipped-overlap"), (180, "fired")]


async def test_a_queued_slot_makes_its_fleet_run_once_the_one_before_has_ended(ledger: Ledger) -> None:
    await add_servers(ledger, 1)
    task = await add_task(ledger, {"overlap": Overlap.QUEUE})
    await ledger.fire(60)
    await ledger.fire(120)
    await ledger.follow(121)
    assert await ledger.outcomes(task) == [(60, "fired"), (120, "waiting")]
    (run,) = await find_fleet_runs(ledger, task)
    await end(ledger, run)
    await ledger.follow(125)
    assert await ledger.outcomes(task) == [(60, "fired"), (120, "fired")]
    assert [each.slot for each in await find_fleet_runs(ledger, task)] == [at(60), at(120)]
    assert await ledger.store.read(fleets.list_busy_tasks, [task.id]) == {task.id}
