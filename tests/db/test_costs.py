"""What a unit costs follows the work that is due, not the history: counted on a short and on a long one."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text

from db import claims, due, executions, grants, output, output_leads, retention, tasks, transitions
from db import rows as tables
from db.executions import ExecutionFilter
from db.models import Task, TaskExecution
from db.output import NewChunk
from db.page import Window
from db.store import Store, open_store
from db.tasks import TaskFilter
from db.values import Role, State, Stream
from db.visibility import VisibilityScope
from tests.support import rows
from tests.support.costs import cost, plan
from tests.support.sampling import choose_count
from tests.support.stores import Database, find_database

pytestmark = [pytest.mark.anyio, pytest.mark.sampled()]

SHORT, LONG = 1000, choose_count(5_000, 15_000)
SERVERS, TASKS, OPEN = 5, 20, 8
STATES = {7: State.FAILED, 9: State.TIMEOUT}


@dataclass(frozen=True, slots=True)
class Case:
    """A database with a history, and the ids of what is open in it. `middle` is an execution amid the history."""

    store: Store
    count: int
    pending: int
    running: int

    @property
    def middle(self) -> int:
        return self.count // 2


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "postgresql with fresh statistics"])
def kind(request: Any) -> str:
    """Statistics that lag behind know of nothing open; fresh ones know how few are open, and not where they lie."""
    return str(request.param)


@pytest.fixture(scope="module")
def databases(request: pytest.FixtureRequest, kind: str, tmp_path_factory: pytest.TempPathFactory) -> list[Database]:
    return [find_database(request, kind.split()[0], tmp_path_factory.mktemp("costs")) for _ in (SHORT, LONG)]


@pytest.fixture(scope="module")
async def cases(kind: str, databases: list[Database]) -> AsyncIterator[list[Case]]:
    """The same work, on a short and on a long history."""
    async with AsyncExitStack() as stack:
        made: list[Case] = []
        for count, database in zip((SHORT, LONG), databases, strict=True):
            store = await open_store(await stack.enter_async_context(database()))
            stack.push_async_callback(store.close)
            await store.run(fill_history, count)
            made.append(Case(store, count, *await store.run(fill_open)))
            if kind.endswith("fresh statistics"):
                await store.run(lambda conn: conn.execute(text("ANALYZE")).close())
        yield made


def fill_history(conn: Connection, count: int) -> None:
    for name in ("ada", "grace"):
        rows.user(conn, name)
    for _ in range(SERVERS):
        rows.server(conn, max_parallel=10)
    task, execution = rows.task(conn, server_id=1), rows.pending(conn, server_id=1)
    conn.execute(insert(tables.get_table(Task)), [past_task(task, n) for n in range(2, count)])
    conn.execute(insert(tables.get_table(TaskExecution)), [past_execution(execution, n) for n in range(2, count)])
    conn.execute(insert(output.chunks), [past_chunk(count // 2, n) for n in range(count)])
    transitions.request_cancel(conn, execution.id, rows.NOON)
    if conn.dialect.name == "postgresql":
        conn.execute(text("ANALYZE"))


def past_task(task: Task, n: int) -> dict[str, Any]:
    name, later = f"task {n % 100}", rows.at(86_400 + n * 60)
    changes = {"id": n, "name": name, "name_folded": name, "server_id": n % SERVERS + 1, "created_by": n % 2 + 1}
    return (
        rows.as_dict(task) | changes | {"next_run": later, "last_run": rows.at(-n * 60), "created_at": rows.at(-n * 60)}
    )


def past_execution(execution: TaskExecution, n: int) -> dict[str, Any]:
    moment = rows.at((n - LONG) * 60)
    owners = {"id": n, "server_id": n % SERVERS + 1, "task_id": n % TASKS + 1, "created_by": n % 2 + 1}
    how = {"trigger": "retry" if n % 50 == 0 else "schedule", "state": STATES.get(n % 50, State.SUCCESS), "fence": 1}
    return rows.as_dict(execution) | owners | how | {"created_at": moment, "start_time": moment, "end_time": moment}


def past_chunk(execution_id: int, n: int) -> dict[str, Any]:
    place = {"position": n * 10, "stream": list(Stream)[n % 2], "stream_offset": n // 2 * 10, "size": 10}
    return {"execution_id": execution_id, "at": rows.NOON, "data": b"0123456789"} | place


def fill_open(conn: Connection) -> tuple[int, int]:
    """The ids of one that waits and of one that runs."""
    if conn.dialect.name == "postgresql":
        for table in ("tasks", "task_executions"):
            conn.execute(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))
    pending = [rows.pending(conn, server_id=n % SERVERS + 1, idempotency_key=f"key {n}") for n in range(OPEN)]
    started = {"state": State.RUNNING, "fence": 1, "runner_id": "runner", "start_time": rows.NOON}
    running = [rows.pending(conn, server_id=n % SERVERS + 1, **started) for n in range(OPEN)]
    for n in range(3):
        rows.task(conn, server_id=1, next_run=rows.at(n))
    grant = {"user_id": 2, "server_id": 2, "tag": None, "role": Role.VIEWER, "created_by": None}
    grants.insert(conn, grant | {"created_at": rows.NOON})
    return pending[0].id, running[0].id


def chunk(case: Case) -> NewChunk:
    return NewChunk(case.running, 1, Stream.STDOUT, 0, rows.NOON, b"output")


def window(order: str, descending: bool, case: Case, value: Any) -> Window:
    return Window(limit=20, order=order, descending=descending, after=(value, case.middle))


def listed(filter: ExecutionFilter, case: Case) -> Any:
    return executions.page, filter, Window(limit=20, descending=True)


def among_tasks(order: str, descending: bool, case: Case) -> Any:
    value = {"name": "task 50", "id": case.middle}.get(order, rows.at(0))
    return tasks.page, TaskFilter(), window(order, descending, case, value)


def among_executions(order: str, descending: bool, case: Case) -> Any:
    value = case.middle if order == "id" else rows.at(-60 * LONG // 2)
    return executions.page, ExecutionFilter(), window(order, descending, case, value)


UNITS: dict[str, Callable[[Case], Any]] = {
    "claim": lambda case: (partial(claims.claim, runner_id="runner", at=rows.NOON, limit=10),),
    "due": lambda case: (partial(due.lock_due, late=rows.at(-3600)), rows.at(60), 200),
    "next due": lambda case: (due.find_next_due,),
    "cancel what waits": lambda case: (transitions.request_cancel, case.pending, rows.NOON),
    "cancel what runs": lambda case: (transitions.request_cancel, case.running, rows.NOON),
    "cancels": lambda case: (transitions.list_cancel_requests, "runner"),
    "note": lambda case: (transitions.update_claimed, case.running, 1, {"mode": "attached"}),
    "finish": lambda case: (transitions.finish, case.running, 1, {"state": State.SUCCESS}),
    "prune": lambda case: (retention.prune, rows.at((30 - LONG) * 60), 20),
    "execution": lambda case: (executions.by_id, case.middle),
    "idempotency key": lambda case: (executions.by_idempotency_key, 1, "key 3"),
    "newest executions of tasks": lambda case: (executions.list_latest_of_tasks, list(range(1, TASKS + 1))),
    "how many wait": lambda case: (executions.estimate_pending,),
    "how things stand": lambda case: (executions.load_statuses, ExecutionFilter(), case.count),
    "how things stand on a server": lambda case: (executions.load_statuses, ExecutionFilter(server_id=1), case.count),
    "append": lambda case: (output.append, [chunk(case)]),
    "output from the start": lambda case: (output.list_after, case.middle, 0),
    "output from the middle": lambda case: (output.list_after, case.middle, case.count * 5),
    "output at the end": lambda case: (output.list_after, case.middle, case.count * 10),
    "bytes before the end": lambda case: (output_leads.load_leads, case.middle, case.count * 10, 3),
    "executions of a server": partial(listed, ExecutionFilter(server_id=2)),
    "executions of a task": partial(listed, ExecutionFilter(task_id=2)),
    "executions of a user": partial(listed, ExecutionFilter(created_by=2)),
    "executions of a trigger": partial(listed, ExecutionFilter(trigger="retry")),
    "executions of no trigger": partial(listed, ExecutionFilter(trigger="never")),
    "executions in a state": partial(listed, ExecutionFilter(states=("FAILED",))),
    "executions that are open": partial(listed, ExecutionFilter(states=("PENDING", "RUNNING"))),
    "tasks of a server": lambda case: (tasks.page, TaskFilter(server_id=2), Window(limit=20)),
    "executions that are granted": partial(listed, ExecutionFilter(visibility=VisibilityScope(2))),
    "executions that are granted to nobody": partial(listed, ExecutionFilter(visibility=VisibilityScope(9))),
    "executions of a task that is not granted": partial(
        listed, ExecutionFilter(task_id=1, visibility=VisibilityScope(9))
    ),
    "an execution that is granted": lambda case: (executions.by_id, case.middle, VisibilityScope(2)),
    "how what is granted stands": lambda case: (
        executions.load_statuses,
        ExecutionFilter(visibility=VisibilityScope(2)),
        case.count,
    ),
    "tasks that are granted": lambda case: (tasks.page, TaskFilter(visibility=VisibilityScope(2)), Window(limit=20)),
    "tasks of a user": lambda case: (tasks.page, TaskFilter(created_by=2), Window(limit=20)),
}
for _descending in (False, True):
    _way = "down" if _descending else "up"
    for _order in ("id", "name", "last_run", "next_run", "created_at"):
        UNITS[f"tasks by {_order} {_way}"] = partial(among_tasks, _order, _descending)
    for _order in ("id", "created_at", "start_time", "end_time"):
        UNITS[f"executions by {_order} {_way}"] = partial(among_executions, _order, _descending)


@pytest.mark.parametrize("unit", UNITS)
async def test_a_long_history_costs_no_more_than_a_short_one(cases: list[Case], unit: str) -> None:
    short, long = [await case.store.run(cost, *UNITS[unit](case)) for case in cases]
    assert long <= 2 * short + 100, await cases[1].store.run(plan, *UNITS[unit](cases[1]))


@pytest.mark.parametrize("unit", ["claim", "due", "executions of a task", "tasks by name up"])
async def test_no_plan_reads_a_whole_table(cases: list[Case], unit: str) -> None:
    case = cases[1]
    found = await case.store.run(plan, *UNITS[unit](case))
    whole = ("SCAN task_executions\n", "SCAN tasks\n", "Seq Scan on task_executions", "Seq Scan on tasks")
    assert not [words for words in whole if words in found + "\n"], found


async def test_the_count_sees_a_unit_that_reads_everything(cases: list[Case]) -> None:
    def everything(conn: Connection) -> None:
        conn.execute(text("SELECT count(*) FROM task_executions WHERE command = 'false'"))

    short, long = [await case.store.run(cost, everything) for case in cases]
    assert long > 2 * LONG // (3 * SHORT) * short
