"""What `bench.history` measures: the units of lists, totals, logs, claims and schedules, each on a given history."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from bench import filter_cases
from bench.seeding import CHUNK_BYTES, History
from db import claims, executions, grants, output, output_leads, slots, tasks
from db.executions import ExecutionFilter
from db.page import Window
from db.slots import SlotFilter
from db.tasks import TaskFilter
from db.values import Role, State, Trigger
from db.visibility import VisibilityScope
from runner.scheduling.firing import fire_due
from tests.support import rows
from tests.support.ledger import allowed

PAGE = 100
STEP = timedelta(seconds=3)
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
DUE, WAITING = 20, 100


@dataclass(frozen=True, slots=True)
class Case:
    """One unit and its arguments. `flat` says that a page is asked of it, which is to cost the same in any history."""

    name: str
    unit: Callable[..., Any]
    arguments: tuple[Any, ...]
    writes: bool = False
    flat: bool = True


def list_cases(history: History) -> Iterator[Case]:
    yield from _list_pages(history)
    yield from _list_filters(history)
    for name, (page, filter, window) in filter_cases.list_pages(history, _find_moment(history, history.log)).items():
        yield Case(name, page, (filter, window))
    yield from _list_numbered(history)
    yield from _list_totals(history)
    yield from _list_others(history)
    yield from _list_work(history)


def _page(name: str, filter: ExecutionFilter | None = None, *, flat: bool = True, **window: Any) -> Case:
    """A page of executions, newest first unless the window says otherwise."""
    given = Window(**{"limit": PAGE, "descending": True} | window)
    return Case(name, executions.page, (filter or ExecutionFilter(), given), flat=flat)


def _list_pages(history: History) -> Iterator[Case]:
    middle, at = history.log, _find_moment(history, history.log)
    yield _page("first page")
    yield _page("page from the middle", after=(middle, middle))
    yield _page("last page", backward=True)
    for order in ("created_at", "start_time", "end_time"):
        yield _page(f"page from the middle by {order}", order=order, after=(at, middle))
    yield _page("last page by end_time", order="end_time", backward=True)


def _list_filters(history: History) -> Iterator[Case]:
    middle = (history.log, history.log)
    at = _find_moment(history, history.log)
    filters = {
        "of a server": ExecutionFilter(server_id=history.server + 3),
        "of a task": ExecutionFilter(task_id=history.task + 3),
        "of a trigger": ExecutionFilter(trigger=Trigger.API),
        "of a trigger never used": ExecutionFilter(trigger=Trigger.RETRY),
        "of a user": ExecutionFilter(created_by=history.other),
        "in a state": ExecutionFilter(states=(State.FAILED,)),
        "in two states": ExecutionFilter(states=(State.FAILED, State.TIMEOUT)),
        "open": ExecutionFilter(states=(State.PENDING, State.RUNNING)),
        "of a task, in a state": ExecutionFilter(task_id=history.task + 3, states=(State.TIMEOUT,)),
        "of a server, in a state never seen": ExecutionFilter(server_id=history.server + 3, states=(State.RUNNING,)),
        "with findings": ExecutionFilter(has_findings=True),
        "without findings": ExecutionFilter(has_findings=False),
        "of an hour in the middle": ExecutionFilter(created_from=at, created_to=at + timedelta(hours=1)),
        "since the middle": ExecutionFilter(created_from=at),
        "until the middle": ExecutionFilter(created_to=at),
        "granted": ExecutionFilter(visibility=VisibilityScope(history.other)),
        "granted, of a task": ExecutionFilter(
            visibility=VisibilityScope(history.other), task_id=history.task + history.volume.servers
        ),
    }
    for name, filter in filters.items():
        yield _page(name, filter)
    yield _page("until the middle, by created_at", filters["until the middle"], order="created_at")
    for name in ("of a server", "of a task", "in a state", "of a user", "granted"):
        yield _page(f"{name}, from the middle", filters[name], after=middle)


def _list_numbered(history: History) -> Iterator[Case]:
    """Pages by number, of 10 as REST has them: of a task (REST), and of all (GraphQL)."""
    of_task, each = ExecutionFilter(task_id=history.task + 3), history.volume.executions // history.volume.tasks
    yield _page("page 1 of a task's, by number", of_task, limit=10)
    yield _page("middle page of a task's, by number", of_task, limit=10, offset=each // 2, flat=False)
    yield _page("page 100 of all, by number", limit=10, offset=1000)
    yield _page("middle page of all, by number", limit=10, offset=history.volume.executions // 2, flat=False)


def _list_totals(history: History) -> Iterator[Case]:
    filters = {
        "total of all": ExecutionFilter(),
        "total of a task": ExecutionFilter(task_id=history.task + 3),
        "total in a state": ExecutionFilter(states=(State.FAILED,)),
        "total granted": ExecutionFilter(visibility=VisibilityScope(history.other)),
    }
    for name, filter in filters.items():
        yield Case(name, executions.count, (filter,), flat=False)


def _list_others(history: History) -> Iterator[Case]:
    ids = list(range(history.task, history.task + history.volume.tasks))
    yield Case("page of tasks", tasks.page, (TaskFilter(), Window(limit=PAGE)))
    yield Case("latest execution of 100 tasks", executions.list_latest_of_tasks, (ids,))
    yield Case("5 executions each of 100 tasks", executions.page_of_tasks, (ids, ExecutionFilter(), _five()))
    yield Case("page of the ledger", slots.page, (SlotFilter(), Window(limit=PAGE, order="slot", descending=True)))
    yield Case("execution", executions.by_id, (history.log,))
    if history.volume.chunks:
        end = history.volume.chunks * CHUNK_BYTES
        yield Case("log from the start", output.list_after, (history.log, 0))
        yield Case("log from the middle", output.list_after, (history.log, end // 2 + 7))
        yield Case("log at its end", output.list_after, (history.log, end))
        yield Case("log's last 64 KiB", output.list_after, (history.log, end - 65_536))
        yield Case("bytes before the end of a log", output_leads.load_leads, (history.log, end, 3))


def _list_work(history: History) -> Iterator[Case]:
    at = rows.at(0)
    take = partial(claims.claim, runner_id="bench", at=at, limit=10)
    yield Case("claim of 10", take, (), writes=True)
    yield Case("how many wait", executions.estimate_pending, ())
    yield Case("what is open", executions.load_statuses, (ExecutionFilter(), history.newest))
    yield Case("idle tick of the scheduler", fire_due, (at - timedelta(days=1), allowed), writes=True)
    yield Case(f"tick with {DUE} due", fire_due, (at, allowed), writes=True)
    yield Case("slots to follow up", slots.list_actionable, (at, 200))


def _five() -> Window:
    return Window(limit=5, descending=True)


def _find_moment(history: History, id: int) -> datetime:
    return BEGINNING + (id - history.execution) * STEP


def add_work(conn: Connection, history: History) -> None:
    """Put what is at work beside a history: runs that wait, tasks that are due, and a grant of one server."""
    for n in range(WAITING):
        rows.pending(conn, server_id=history.server + n % history.volume.servers, created_by=history.user)
    for n in range(DUE):
        rows.task(conn, name=f"due {n}", server_id=history.server, cron_expr="*/5 * * * *", next_run=rows.at(-n))
    grant = {"user_id": history.other, "server_id": history.server, "tag": None, "role": Role.VIEWER}
    grants.insert(conn, grant | {"created_by": None, "created_at": rows.NOON})
