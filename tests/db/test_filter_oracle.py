"""Random filters on random rows, read in pages from both ends, against the same questions asked in Python."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection

from db import execution_plans, executions, grants, servers, tasks, users
from db.execution_filters import has_outcome
from db.executions import ExecutionFilter
from db.models import Server, TaskExecution
from db.page import CutRows, Window, row_key
from db.servers import ServerFilter
from db.store import Store
from db.tasks import TaskFilter
from db.values import Reason, Role, State, Trigger
from db.visibility import EVERYTHING, VisibilityScope
from tests.support import rows
from tests.support.sampling import choose_count

pytestmark = [pytest.mark.anyio, pytest.mark.sampled()]

TAGS = ("eu", "prod", "Prod", "db")
COMMANDS = ("echo Straße 100%", "ECHO strasse", "a_b\nc", "axb", "df -h '/var'", "漢字 😀")
PARTS = ("ECHO", "echo", "%", "_", "ß", "字 😀", "'/v", "b\nc", "\\", "nothing")
ORDERS = ("id", "id", "created_at", "start_time", "end_time")
GRANTED = (2, 4)
COUNT, FILTERS = 150, choose_count(10, 60)


def fill(conn: Connection) -> int:
    """Four servers with random tags, a task each, executions of random values, and a user with two grants."""
    random = Random(5)
    for n in range(4):
        rows.server(conn, tags=random.sample(TAGS, n % 3 + 1))
        rows.task(conn, server_id=n + 1)
    for n in range(COUNT):
        server, start = random.randint(1, 4), random.choice([None, n // 5, random.randint(0, 40)])
        ended = start is not None and random.random() < 0.8
        length = random.choice([0, 1, 5, 60]) if ended else None
        rows.pending(
            conn,
            server_id=server,
            task_id=random.choice([server, None]),
            trigger=random.choice(list(Trigger)),
            state=random.choice([State.SUCCESS, State.FAILED, State.RUNNING, State.PENDING]),
            reason=random.choice([Reason.EXIT_STATUS, Reason.EXIT_STATUS, Reason.LOST, None]),
            exit_code=random.choice([None, 0, 0, 1, 2**32]),
            command=random.choice(COMMANDS),
            created_at=rows.at(n // 3),
            start_time=None if start is None else rows.at(start),
            end_time=None if length is None or start is None else rows.at(start + length),
            duration_ms=None if length is None else length * 1000,
        )
    user = users.insert(conn, name="grace", password_hash="x", role=Role.NONE, at=rows.NOON)
    for server in GRANTED:
        values = {"user_id": user.id, "server_id": server, "tag": None, "role": Role.VIEWER}
        grants.insert(conn, values | {"created_at": rows.NOON, "created_by": None})
    return user.id


def choose_filter(random: Random, user: int) -> ExecutionFilter:
    def range_of(name: str, values: Sequence[Any]) -> dict[str, Any]:
        low, high = sorted(random.choices(values, k=2))
        return random.choice([{f"{name}_from": low}, {f"{name}_to": high}, {f"{name}_from": low, f"{name}_to": high}])

    moments = [rows.at(n) for n in (0, 3, 10, 20, 30, 45)]
    parts: list[dict[str, Any]] = [
        {"reasons": tuple(random.sample([Reason.EXIT_STATUS, Reason.LOST, Reason.SIGNAL], random.randint(1, 2)))},
        {"exit_codes": tuple(random.sample([0, 1, 2**32, 7], random.randint(1, 2)))},
        {"non_zero": random.choice([True, False])},
        {"command_contains": random.choice(PARTS)},
        range_of("start_time", moments),
        range_of("end_time", moments),
        range_of("created", moments),
        range_of("duration_ms", [0, 1000, 5000, 60_000]),
        choose_tags(random),
        {"states": tuple(random.sample(list(State), random.randint(1, 3)))},
        {"server_id": random.randint(1, 4)},
        {"task_id": random.randint(1, 4)},
        {"trigger": random.choice(list(Trigger))},
    ]
    chosen = {name: value for part in random.sample(parts, random.choice([1, 1, 2, 3])) for name, value in part.items()}
    return ExecutionFilter(**chosen, visibility=random.choice([EVERYTHING, EVERYTHING, VisibilityScope(user)]))


def choose_tags(random: Random) -> dict[str, Any]:
    names = random.sample(["tags_all", "tags_any", "tags_none"], random.randint(1, 2))
    return {name: tuple(random.sample([*TAGS, "none"], random.randint(1, 2))) for name in names}


def is_tagged(filter: Any, tags: Sequence[str]) -> bool:
    return (
        (filter.tags_all is None or all(tag in tags for tag in filter.tags_all))
        and (filter.tags_any is None or any(tag in tags for tag in filter.tags_any))
        and (filter.tags_none is None or not any(tag in tags for tag in filter.tags_none))
    )


def is_within(value: Any, low: Any, high: Any) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or low <= value) and (high is None or value <= high)


def holds(filter: ExecutionFilter, row: TaskExecution, owner: Server) -> bool:
    """The oracle: whether an execution on a server matches."""
    equal = ("server_id", "task_id", "trigger", "created_by")
    return (
        all(getattr(filter, name) in (None, getattr(row, name)) for name in equal)
        and (filter.states is None or row.state in filter.states)
        and (filter.reasons is None or row.reason in filter.reasons)
        and (filter.exit_codes is None or row.exit_code in filter.exit_codes)
        and (filter.non_zero is None or (row.exit_code is not None and (row.exit_code != 0) is filter.non_zero))
        and (filter.command_contains is None or filter.command_contains in row.command)
        and is_within(row.created_at, filter.created_from, filter.created_to)
        and is_within(row.start_time, filter.start_time_from, filter.start_time_to)
        and is_within(row.end_time, filter.end_time_from, filter.end_time_to)
        and is_within(row.duration_ms, filter.duration_ms_from, filter.duration_ms_to)
        and is_tagged(filter, owner.tags)
        and (filter.visibility.is_unrestricted or row.server_id in GRANTED)
    )


def put_in_order(found: Sequence[TaskExecution], window: Window) -> list[int]:
    def key(row: TaskExecution) -> Any:
        return getattr(row, window.order), row.id

    without = sorted((row for row in found if key(row)[0] is None), key=lambda row: row.id, reverse=window.descending)
    with_value = sorted((row for row in found if key(row)[0] is not None), key=key, reverse=window.descending)
    return [row.id for row in [*with_value, *without]]


Read = Callable[[Connection, Any, Window], list[Any]]


def read_all(conn: Connection, read: Read, filter: Any, window: Window) -> list[int]:
    """Every page after page, from the window's end on."""
    found: list[int] = []
    while True:
        page = read(conn, filter, window)
        more = len(page) > window.limit
        shown = (page[1:] if window.backward else page[: window.limit]) if more else page
        ids = [row.id for row in shown]
        found = ids + found if window.backward else found + ids
        if not more and not isinstance(page, CutRows):
            return found
        edge = page.edge if isinstance(page, CutRows) else row_key(shown[0 if window.backward else -1], window)
        window = replace(window, before=edge) if window.backward else replace(window, after=edge)


@pytest.mark.parametrize(("rare", "scanned"), [(10_000, 10_000), (0, 7), (20, 40)])
async def test_random_filters_of_executions(
    store: Store, monkeypatch: pytest.MonkeyPatch, rare: int, scanned: int
) -> None:
    monkeypatch.setattr(execution_plans, "RARE", rare)
    monkeypatch.setattr(executions, "SCANNED", scanned)
    user, random = await store.run(fill), Random(rare + scanned)

    def look(conn: Connection) -> None:
        everything = executions.page(conn, ExecutionFilter(), Window(limit=1000))
        owners = {row.id: row for row in servers.page(conn, ServerFilter(), Window(limit=1000))}
        matched = 0
        for _ in range(FILTERS):
            filter = choose_filter(random, user)
            window = Window(
                limit=random.choice([3, 20]),
                order=random.choice(ORDERS),
                descending=random.random() < 0.5,
                backward=random.random() < 0.5,
            )
            wanted = [row for row in everything if holds(filter, row, owners[row.server_id])]
            matched += bool(wanted)
            ids = put_in_order(wanted, window)
            assert read_all(conn, executions.page, filter, window) == ids, (filter, window)
            assert executions.count(conn, filter) == len(ids), filter
            assert read_all(conn, read_ids, filter, window) == ids, (filter, window)
            per_task = executions.page_of_tasks(conn, [1, 2], filter, Window(limit=1000))
            assert [row.id for row in per_task[2]] == [row.id for row in wanted if row.task_id == 2], filter
            known = executions.load_statuses(conn, filter, 0)
            standing = [row for row in everything if row.id in known]
            assert [row.id for row in standing if has_outcome(filter, row)] == [row.id for row in wanted], filter
        assert matched > FILTERS / 3

    await store.read(look)


def read_ids(conn: Connection, filter: ExecutionFilter, window: Window) -> list[Any]:
    return executions.page(conn, filter, window, frozenset(("id", "state", window.order)))


async def test_random_tags_of_tasks_and_servers(store: Store) -> None:
    user, random = await store.run(fill), Random(1)

    def look(conn: Connection) -> None:
        owners = servers.page(conn, ServerFilter(), Window(limit=1000))
        for _ in range(FILTERS):
            tags, scope = choose_tags(random), random.choice([EVERYTHING, VisibilityScope(user)])
            filter = ServerFilter(**tags, visibility=scope)
            wanted = [
                row.id for row in owners if is_tagged(filter, row.tags) and (scope.is_unrestricted or row.id in GRANTED)
            ]
            assert [row.id for row in servers.page(conn, filter, Window(limit=1000))] == wanted, filter
            assert servers.count(conn, filter) == len(wanted)
            of_tasks = TaskFilter(**tags, visibility=scope)  # each server has the task of its own id
            assert read_all(conn, tasks.page, of_tasks, Window(limit=1)) == wanted, filter
            assert tasks.count(conn, of_tasks) == len(wanted)
            each = tasks.page_of_servers(conn, [1, 2, 3, 4], of_tasks, Window(limit=10))
            assert [id for id, found in each.items() if found] == wanted

    await store.read(look)
