"""Rows of chosen columns hold what SQLAlchemy reads, on both databases, whatever is stored."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from operator import attrgetter
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, text

from db import executions, grants, nested, servers, tasks, users
from db import rows as tables
from db.columns import format_time
from db.executions import ExecutionFilter
from db.models import TaskExecution
from db.nested import Nested
from db.page import Window
from db.picked import PickedRow, PickedValues
from db.store import Store
from db.values import Reason, Role, State
from db.visibility import EVERYTHING, VisibilityScope
from tests.support import rows
from tests.support.sampling import choose_count, sample

pytestmark = pytest.mark.anyio

ALL = Window(limit=1000)
NAMES = tuple(tables.get_table(TaskExecution).c.keys())
TIMES = ("slot", "created_at", "start_time", "end_time", "cancel_at")
COUNT = 40


def fill(conn: Connection) -> VisibilityScope:
    """Executions of random values on three servers; what a user sees who has a grant on one of these."""
    random = Random(7)
    for _ in range(3):
        rows.server(conn, tags=[])
        rows.task(conn, server_id=servers.count(conn, servers.ServerFilter()))
    for _ in range(COUNT):
        server = random.randint(1, 3)
        rows.pending(conn, server_id=server, task_id=random.choice([server, None]), **choose_values(random))
    user = users.insert(conn, name="grace", password_hash="x", role=Role.NONE, at=rows.NOON)
    values = {"user_id": user.id, "server_id": 2, "tag": None, "role": Role.VIEWER}
    grants.insert(conn, values | {"created_at": rows.NOON, "created_by": None})
    return VisibilityScope(user.id)


def choose_values(random: Random) -> dict[str, Any]:
    choose = random.choice
    return {
        "state": choose([State.SUCCESS, State.FAILED, State.CANCELLED]),
        "reason": choose([None, Reason.EXIT_STATUS]),
        "message": choose([None, "", "a, 'b' \"c\" 你好 2026-11-24 10:00:00.000000"]),
        "exit_code": choose([None, 0, 1, 2**40]),
        "verified_gone": choose([None, True, False]),
        "truncated": choose([True, False]),
        "sealed_run": choose([None, b"\0\xff"]),
        "remote": choose([None, {}, {"pid": 1, "spool": "é"}]),
        "findings": choose([None, [], [{"rule": "x", "severity": "warn"}]]),
        "env": choose([{}, {"A": "1", "B": ""}]),
        "created_at": choose_time(random),
        **{name: choose([None, choose_time(random)]) for name in TIMES if name != "created_at"},
    }


def choose_time(random: Random) -> datetime:
    microseconds = random.choice([0, 0, 1, 120_000, 999_999])
    return rows.NOON.replace(microsecond=microseconds) + timedelta(seconds=random.randint(-(10**9), 10**9))


def read_usual(found: Iterable[Any], names: Iterable[str]) -> list[dict[str, Any]]:
    return [{name: getattr(row, name) for name in names} for row in found]


async def test_each_choice_of_columns_has_the_values_that_sqlalchemy_reads(store: Store) -> None:
    def check(conn: Connection) -> None:
        fill(conn)
        usual = executions.page(conn, ExecutionFilter(), ALL)
        random = Random(1)
        for names in [NAMES, *(random.sample(NAMES, random.randint(0, 8)) for _ in range(30))]:
            picked = executions.page(conn, ExecutionFilter(), ALL, frozenset(names))
            assert len(picked) == COUNT
            assert read_usual(picked, ["id", *names]) == read_usual(usual, ["id", *names])
            if names is not NAMES:
                assert not hasattr(picked[0], next(name for name in NAMES if name not in {"id", *names}))

    await store.run(check)


async def test_columns_are_read_at_once_and_times_as_the_texts_that_datetimes_give(store: Store) -> None:
    def check(conn: Connection) -> None:
        fill(conn)
        compare_columns(conn)
        if conn.dialect.name == "sqlite":  # as other programs store times
            conn.execute(text("UPDATE task_executions SET start_time = '2026-11-24 10:00:00' WHERE id = 3"))
            conn.execute(text("UPDATE task_executions SET start_time = '2026-11-24 10:00:00.5' WHERE id = 4"))
            compare_columns(conn)

    await store.run(check)


def compare_columns(conn: Connection) -> None:
    usual = executions.page(conn, ExecutionFilter(), ALL)
    picked: list[Any] = executions.page(conn, ExecutionFilter(), ALL, frozenset(NAMES))
    values = PickedValues(type(picked[0]), picked)
    for name in NAMES:
        assert values.read(name) == [getattr(row, name) for row in usual]
        assert values.is_time(name) == (name in TIMES)
    for name in TIMES:
        moments = [getattr(row, name) for row in usual]
        assert values.show_times(name) == [None if moment is None else format_time(moment) for moment in moments]


@pytest.mark.sampled
async def test_pages_of_every_kind_have_the_rows_that_sqlalchemy_finds(store: Store) -> None:
    def check(conn: Connection) -> int:
        sight, compared = fill(conn), 0
        usual = executions.page(conn, ExecutionFilter(), ALL)
        for filter, window in sample(list(product(list_filters(sight), list_windows(usual))), 5):
            compared += compare_page(conn, filter, window)
        return compared

    assert await store.run(check) > choose_count(20, 100)


def list_filters(sight: VisibilityScope) -> list[ExecutionFilter]:
    return [
        ExecutionFilter(),
        ExecutionFilter(states=(State.SUCCESS, State.FAILED), has_findings=True),
        ExecutionFilter(states=(State.CANCELLED,), has_findings=False, created_by=1),
        ExecutionFilter(states=()),
        ExecutionFilter(task_id=2, trigger="api", visibility=sight),
        ExecutionFilter(task_id=1, visibility=sight),
        ExecutionFilter(server_id=2, created_from=rows.at(-(10**8)), created_to=rows.at(10**9), visibility=sight),
        ExecutionFilter(visibility=sight),
    ]


def list_windows(usual: list[TaskExecution]) -> list[Window]:
    found = []
    for order, descending, backward in product(("id", "created_at", "end_time"), (False, True), (False, True)):
        window = Window(limit=4, order=order, descending=descending, backward=backward)
        found += [window, replace(window, limit=1000), replace(window, offset=0 if backward else 5)]
        for row in (usual[7], next(row for row in usual if getattr(row, order) is None or order != "end_time")):
            key = (getattr(row, order), row.id)
            found.append(replace(window, before=key) if backward else replace(window, after=key))
    return found


def compare_page(conn: Connection, filter: ExecutionFilter, window: Window) -> bool:
    """Fail if the pages differ. Return whether there is one."""
    usual = executions.page(conn, filter, window)
    picked = executions.page(conn, filter, window, frozenset({"state"}))
    names = ["id", "state", window.order]
    assert read_usual(picked, names) == read_usual(usual, names), (filter, window)
    return bool(usual)


WANTED = [
    Nested("servers", attrgetter("server_id"), frozenset({"name", "host_keys"})),
    Nested(
        "tasks",
        attrgetter("task_id"),
        frozenset({"name", "created_at", "server_id", "created_by"}),
        [
            Nested("latest_executions", attrgetter("id"), frozenset({"state", "findings"})),
            Nested("servers", attrgetter("server_id"), frozenset({"name", "host_keys"})),
            Nested("users", attrgetter("created_by"), None),
        ],
    ),
]


@pytest.mark.parametrize("everything", [True, False])
async def test_what_rows_refer_to_is_what_the_loaders_read(store: Store, everything: bool) -> None:
    def check(conn: Connection) -> None:
        sight = fill(conn)
        scope = EVERYTHING if everything else sight
        above = executions.page(conn, ExecutionFilter(), ALL, frozenset({"task_id", "server_id"}))
        found = nested.load_nested(conn, above, WANTED, scope)
        seen = {1, 2, 3} if everything else {2}
        for kind, by_ids, names in (
            ("servers", servers.by_ids, ("id", "name", "host_keys")),
            ("tasks", tasks.by_ids, ("id", "name", "created_at")),
        ):
            assert set(found[kind]) == {1, 2, 3}
            shown = [row for row in found[kind].values() if row is not None]
            usual = sorted(by_ids(conn, [1, 2, 3], scope), key=attrgetter("id"))
            assert read_usual(sorted(shown, key=attrgetter("id")), names) == read_usual(usual, names)
            assert {row.id for row in shown} == seen
        latest = [row for row in found["latest_executions"].values() if row is not None]
        newest = executions.list_latest_of_tasks(conn, list(seen), scope)
        columns = ("id", "task_id", "state", "findings")
        assert read_usual(sorted(latest, key=attrgetter("id")), columns) == read_usual(
            sorted(newest, key=attrgetter("id")), columns
        )
        assert all(isinstance(row, PickedRow) for row in latest)
        assert [row.name for row in found["users"].values()] == ["ada"]

    await store.run(check)


async def test_a_wanted_name_that_is_no_column_reads_all_of_them(store: Store) -> None:
    def check(conn: Connection) -> None:
        fill(conn)
        picked = executions.page(conn, ExecutionFilter(), ALL, frozenset({"state", "no_column"}))
        assert read_usual(picked, NAMES) == read_usual(executions.page(conn, ExecutionFilter(), ALL), NAMES)

    await store.run(check)
