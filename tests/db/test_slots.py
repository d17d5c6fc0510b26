"""The ledger's queries: a slot is kept once, and what they cost follows the work, not the history."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import IntegrityError

from db import due, slots
from db import rows as tables
from db.models import ScheduleSlot, Task, TaskExecution
from db.page import Window
from db.slots import SlotFilter
from db.store import Store, open_store
from db.values import Reason, SlotOutcome, State
from runner.scheduling.firing import fire_due
from tests.support import rows
from tests.support.costs import cost, plan
from tests.support.ledger import allowed
from tests.support.stores import Database, find_database

pytestmark = pytest.mark.anyio

SHORT, LONG, TASKS = 800, 8_000, 20
Unit = Callable[[Connection], Any]


def line(task_id: int, seconds: float, **changes: Any) -> dict[str, Any]:
    values = {
        "task_id": task_id,
        "slot": rows.at(seconds),
        "outcome": SlotOutcome.FIRED,
        "note": None,
        "reason": None,
        "execution_id": None,
        "decided_at": rows.at(seconds),
        "becomes": None,
        "open": False,
        "retries_left": 0,
        "retry_at": None,
        "start_by": None,
    }
    return values | changes


# --- what it keeps


async def test_a_slot_of_a_task_is_kept_once(store: Store) -> None:
    task, other = [await store.run(rows.task) for _ in range(2)]
    await store.run(slots.record, [line(task.id, 0), line(other.id, 0), line(task.id, 60)])
    with pytest.raises(IntegrityError):
        await store.run(slots.record, [line(task.id, 120), line(task.id, 60)])
    assert await store.read(slots.count, SlotFilter(task_id=task.id)) == 2


async def test_the_filters_of_the_ledger_combine(store: Store) -> None:
    task = await store.run(rows.task)
    other = await store.run(rows.task)
    await store.run(slots.record, [line(task.id, 60 * n) for n in range(5)])
    await store.run(slots.record, [line(other.id, 60 * n, outcome=SlotOutcome.MISSED) for n in range(5)])

    async def found(**filter: Any) -> list[tuple[int, int]]:
        page = await store.read(slots.page, SlotFilter(**filter), Window(limit=20))
        assert await store.read(slots.count, SlotFilter(**filter)) == len(page)
        return [(row.task_id, round((row.slot - rows.NOON).total_seconds())) for row in page]

    assert len(await found()) == 10
    assert await found(task_id=task.id, slot_from=rows.at(60), slot_to=rows.at(120)) == [(task.id, 60), (task.id, 120)]
    assert await found(server_id=other.server_id, slot_to=rows.at(0)) == [(other.id, 0)]
    assert await found(outcomes=("missed", "waiting"), slot_from=rows.at(240)) == [(other.id, 240)]
    assert await found(outcomes=()) == []


async def test_an_open_line_changes_once_and_a_closed_one_never(store: Store) -> None:
    task = await store.run(rows.task)
    await store.run(slots.record, [line(task.id, 0, open=True, outcome=SlotOutcome.WAITING), line(task.id, 60)])
    first, second = await store.read(slots.page, SlotFilter(), Window(limit=20))
    done = {"outcome": SlotOutcome.FIRED, "open": False}
    assert await store.run(slots.update_open, first.id, done)
    assert not await store.run(slots.update_open, first.id, {"outcome": SlotOutcome.MISSED})
    assert not await store.run(slots.update_open, second.id, {"outcome": SlotOutcome.MISSED})
    assert [row.outcome for row in await store.read(slots.page, SlotFilter(), Window(limit=20))] == ["fired", "fired"]


async def test_only_a_pending_run_can_be_given_up(store: Store) -> None:
    values = {"state": State.FAILED, "reason": Reason.DEADLINE}
    for state, expected in ((State.PENDING, True), (State.RUNNING, False), (State.SUCCESS, False)):
        run = await store.run(rows.pending, state=state)
        assert await store.run(slots.expire, run.id, values) is expected


async def test_old_lines_are_removed_in_pieces_and_open_ones_stay(store: Store) -> None:
    task = await store.run(rows.task)
    await store.run(slots.record, [line(task.id, n, open=n == 3) for n in range(10)])
    assert await store.run(slots.prune, rows.at(8), 5) == 5
    assert await store.run(slots.prune, rows.at(8), 5) == 2
    assert await store.run(slots.prune, rows.at(8), 5) == 0
    left = await store.read(slots.page, SlotFilter(), Window(limit=20))
    assert [row.slot for row in left] == [rows.at(3), rows.at(8), rows.at(9)]


async def test_a_line_outlives_its_execution(store: Store) -> None:
    task = await store.run(rows.task)
    run = await store.run(rows.pending)
    await store.run(slots.record, [line(task.id, 0, execution_id=run.id)])

    def remove(conn: Connection) -> None:
        conn.execute(text("DELETE FROM task_executions WHERE id = :id"), {"id": run.id})

    await store.run(remove)
    (kept,) = await store.read(slots.page, SlotFilter(), Window(limit=20))
    assert (kept.outcome, kept.execution_id) == ("fired", None)


# --- what it costs


@dataclass(frozen=True, slots=True)
class Case:
    store: Store
    count: int


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Database]:
    return [find_database(request, request.param, tmp_path_factory.mktemp("slots")) for _ in (SHORT, LONG)]


@pytest.fixture(scope="module")
async def cases(databases: list[Database]) -> AsyncIterator[list[Case]]:
    """The same work, beside few tasks and a short ledger, and beside many and a long one."""
    async with AsyncExitStack() as stack:
        made: list[Case] = []
        for count, database in zip((SHORT, LONG), databases, strict=True):
            store = await open_store(await stack.enter_async_context(database()))
            stack.push_async_callback(store.close)
            await store.run(fill, count)
            made.append(Case(store, count))
        yield made


def fill(conn: Connection, count: int) -> None:
    """Half of each ledger and all runs are the first task's. Three tasks are due; three lines are open and idle."""
    server = rows.server(conn)
    first = rows.task(conn, server_id=server.id, cron_expr="* * * * *", next_run=rows.at(86_400))
    values = {name: value for name, value in rows.as_dict(first).items() if name != "id"}
    conn.execute(insert(tables.get_table(Task)), [values | {"next_run": rows.at(86_400 + n)} for n in range(count)])
    lines = [line(n // 2 % TASKS + 2 if n % 2 else first.id, -60 * n) for n in range(count)]
    for number, each in enumerate(lines):
        each["outcome"] = SlotOutcome.MISSED if number % 50 == 0 else SlotOutcome.FIRED
    conn.execute(insert(tables.get_table(ScheduleSlot)), lines)
    run = rows.as_dict(rows.pending(conn, server_id=server.id, task_id=first.id, state=State.SUCCESS))
    conn.execute(insert(tables.get_table(TaskExecution)), [run | {"id": run["id"] + n} for n in range(1, count)])
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT setval('task_executions_id_seq', (SELECT max(id) FROM task_executions))"))
        conn.execute(text("ANALYZE"))
    for n in range(3):
        rows.task(conn, server_id=server.id, cron_expr="* * * * *", next_run=rows.at(60 - n))
    for n in range(2):
        going = rows.pending(conn, server_id=server.id, task_id=first.id, state=State.RUNNING)
        slots.record(conn, [line(first.id, 60 + n, open=True, retries_left=1, execution_id=going.id)])
    slots.record(conn, [line(first.id, 90, open=True, outcome=SlotOutcome.WAITING)])


def listed(window: Window, **filter: Any) -> Unit:
    return lambda conn: slots.page(conn, SlotFilter(**filter), window)


NEWEST = Window(limit=20, descending=True)
BY_SLOT = Window(limit=20, order="slot", descending=True)
UNITS: dict[str, Callable[[Case], Unit]] = {
    "fire": lambda case: lambda conn: fire_due(conn, rows.at(60), allowed),
    "due": lambda case: lambda conn: due.lock_due(conn, rows.at(60), 200, late=rows.at(0)),
    "next due": lambda case: due.find_next_due,
    "latest": lambda case: lambda conn: slots.load_latest(conn, range(1, TASKS)),
    "between": lambda case: lambda conn: slots.list_between(conn, 1, rows.at(-600), rows.at(0)),
    "unfinished": lambda case: lambda conn: slots.list_open_executions(conn, range(1, TASKS)),
    "waiting": lambda case: lambda conn: slots.list_waiting(conn, range(1, TASKS)),
    "actionable": lambda case: lambda conn: slots.list_actionable(conn, rows.at(60), 200),
    "newest id": lambda case: slots.find_newest_id,
    "changed": lambda case: lambda conn: slots.list_changes(conn, SlotFilter(), case.count - 10, [1, 2]),
    "prune": lambda case: lambda conn: slots.prune(conn, rows.at(-60 * (case.count - 50)), 20),
    "ledger": lambda case: listed(NEWEST),
    "ledger by slot": lambda case: listed(BY_SLOT),
    "ledger of an outcome": lambda case: listed(NEWEST, outcomes=("missed",)),
    "ledger of an outcome that never was": lambda case: listed(NEWEST, outcomes=("unreadable",)),
    "ledger of a task": lambda case: listed(BY_SLOT, task_id=1),
    "ledger of a range": lambda case: listed(BY_SLOT, slot_from=rows.at(-6000), slot_to=rows.at(-3000)),
}


@pytest.mark.parametrize("unit", UNITS)
async def test_many_tasks_and_a_long_ledger_cost_no_more_than_few_and_a_short_one(cases: list[Case], unit: str) -> None:
    short, long = [await case.store.run(cost, UNITS[unit](case)) for case in cases]
    assert long <= 2 * short + 100, await cases[1].store.run(plan, UNITS[unit](cases[1]))


async def test_what_is_due_is_found_by_its_own_index(cases: list[Case]) -> None:
    for unit in ("due", "next due"):
        found = await cases[1].store.run(plan, UNITS[unit](cases[1]))
        assert "ix_tasks_due" in found, found


async def test_what_is_open_is_found_by_its_own_index(cases: list[Case]) -> None:
    found = await cases[1].store.run(plan, UNITS["actionable"](cases[1]))
    assert "ix_slots_open" in found, found
