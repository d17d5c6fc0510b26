"""What lists are narrowed by, against the same questions asked in Python."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from db import executions, servers, tasks
from db.executions import ExecutionFilter
from db.models import TaskExecution
from db.page import Window
from db.servers import ServerFilter
from db.store import Store
from db.tasks import TaskFilter
from db.values import State, Trigger
from db.visibility import VisibilityScope
from tests.support import costs, rows
from tests.support.sampling import choose_count

pytestmark = pytest.mark.anyio

ALL = Window(limit=1000)
NAMES = [
    "Backup",
    "back_up",
    "BACK%UP",
    "backxup",
    "Straße",
    "STRASSE",
    "ÄRGER",
    "ärger",
    "漢字",
    "a\\b",
    "😀",
    "İ",
    "/",
]
NAMED: list[tuple[str, list[str]]] = [
    ("back", ["Backup", "back_up", "BACK%UP", "backxup"]),
    ("K_U", ["back_up"]),
    ("k%u", ["BACK%UP"]),
    ("%", ["BACK%UP"]),
    ("_", ["back_up"]),
    ("strasse", ["Straße", "STRASSE"]),
    ("SSE", ["Straße", "STRASSE"]),
    ("är", ["ÄRGER", "ärger"]),
    ("ÄR", ["ÄRGER", "ärger"]),
    ("字", ["漢字"]),
    ("\\", ["a\\b"]),
    ("/", ["/"]),
    ("😀", ["😀"]),
    ("nothing", []),
]
TAGS = [["prod"], ["Prod", "eu"], ["production"], ["eu,prod"], ["a/b", "äöü"], []]
TAGGED = [
    ("prod", [1]),
    ("Prod", [2]),
    ("eu", [2]),
    ("rod", []),
    ("a/b", [5]),
    ("äöü", [5]),
    ("ÄÖÜ", []),
    ('eu","x', []),
]


def named(conn: Connection) -> None:
    server = rows.server(conn)
    for name in NAMES:
        rows.task(conn, name=name, server_id=server.id)
        rows.server(conn, name=name)


@pytest.mark.parametrize(("part", "found"), NAMED)
async def test_a_part_of_a_name_is_found_in_any_case_and_literally(store: Store, part: str, found: list[str]) -> None:
    await store.run(named)
    assert [row.name for row in await store.read(tasks.page, TaskFilter(name_contains=part), ALL)] == found
    assert await store.read(tasks.count, TaskFilter(name_contains=part)) == len(found)
    assert [row.name for row in await store.read(servers.page, ServerFilter(name_contains=part), ALL)] == found


@pytest.mark.parametrize("name", NAMES)
async def test_a_whole_name_finds_that_name_only(store: Store, name: str) -> None:
    await store.run(named)
    assert [row.name for row in await store.read(tasks.page, TaskFilter(name=name), ALL)] == [name]
    assert await store.read(tasks.count, TaskFilter(name=name)) == 1
    assert [row.name for row in await store.read(servers.page, ServerFilter(name=name), ALL)] == [name]
    assert await store.read(tasks.count, TaskFilter(name=name[:-1] + "-")) == 0


async def test_a_whole_name_is_found_by_its_index_also_where_grants_and_tags_limit_the_list(store: Store) -> None:
    def look(conn: Connection) -> list[str]:
        server = rows.server(conn)
        granted = VisibilityScope(rows.user(conn, "ada").id)
        for number in range(3000):
            rows.task(conn, name=f"task {number}", server_id=server.id)
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("ANALYZE tasks")
        filters = [TaskFilter(name="task 7"), TaskFilter(name="task 7", tags_any=("prod",))]
        filters.append(TaskFilter(name="task 7", visibility=granted))
        return [costs.plan(conn, tasks.page, filter, Window(limit=11)) for filter in filters]

    for plan in await store.run(look):
        assert "ix_tasks_name" in plan


async def test_a_server_s_whole_name_is_found_by_its_index(store: Store) -> None:
    def look(conn: Connection) -> str:
        for number in range(1000):
            rows.server(conn, name=f"server {number}")
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("ANALYZE servers")
        return costs.plan(conn, servers.page, ServerFilter(name="server 7"), Window(limit=3))

    assert "uq_servers_name_kept" in await store.run(look)


async def test_a_renamed_task_is_found_under_its_new_name_only(store: Store) -> None:
    task = await store.run(rows.task, name="Alt")
    await store.run(tasks.update, task.id, {"name": "NEU"})
    assert await store.read(tasks.count, TaskFilter(name_contains="alt")) == 0
    assert await store.read(tasks.count, TaskFilter(name_contains="neu")) == 1


@pytest.mark.sampled
async def test_any_text_finds_the_names_that_hold_it(store: Store) -> None:
    names: set[str] = set()
    parts: set[str] = set()
    text = st.text(
        st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("%_\\/aAßſİıΣσς"), min_size=1, max_size=8
    )

    @given(name=text, part=text)
    @settings(max_examples=choose_count(60, 300), deadline=None, database=None)
    def collect(name: str, part: str) -> None:
        names.add(name)
        parts.update((part, name[1:3] or part))

    collect()

    def insert(conn: Connection) -> None:
        server = rows.server(conn)
        for name in sorted(names):
            rows.task(conn, name=name, server_id=server.id)

    def look(conn: Connection) -> dict[str, list[str]]:
        return {part: [row.name for row in tasks.page(conn, TaskFilter(name_contains=part), ALL)] for part in parts}

    await store.run(insert)
    for part, found in (await store.read(look)).items():
        assert found == [name for name in sorted(names) if part.casefold() in name.casefold()], part


@pytest.mark.parametrize(("tag", "ids"), TAGGED)
async def test_a_tag_is_matched_whole_and_exactly(store: Store, tag: str, ids: list[int]) -> None:
    await store.run(lambda conn: [rows.server(conn, tags=tags) for tags in TAGS] and None)
    assert [row.id for row in await store.read(servers.page, ServerFilter(tag=tag), ALL)] == ids


def history(conn: Connection) -> None:
    people = [rows.user(conn, name).id for name in ("ada", "grace")]
    machines = [rows.server(conn).id for _ in range(2)]
    jobs = [rows.task(conn, server_id=machines[0]).id, None]
    for n in range(96):
        rows.pending(
            conn,
            created_by=people[n % 2],
            server_id=machines[n // 2 % 2],
            task_id=jobs[n // 4 % 2],
            trigger=list(Trigger)[n // 8 % 4],
            state=list(State)[n % 6],
            created_at=rows.at(n // 3),
        )


Predicate = Callable[[TaskExecution], bool]
EXECUTIONS: list[tuple[ExecutionFilter, Predicate]] = [
    (ExecutionFilter(), lambda row: True),
    (ExecutionFilter(states=()), lambda row: False),
    (ExecutionFilter(states=("FAILED",)), lambda row: row.state == "FAILED"),
    (ExecutionFilter(states=("FAILED", "RUNNING")), lambda row: row.state in ("FAILED", "RUNNING")),
    (ExecutionFilter(server_id=1), lambda row: row.server_id == 1),
    (ExecutionFilter(task_id=1), lambda row: row.task_id == 1),
    (ExecutionFilter(trigger="retry"), lambda row: row.trigger == "retry"),
    (ExecutionFilter(created_by=2), lambda row: row.created_by == 2),
    (ExecutionFilter(created_from=rows.at(7)), lambda row: row.created_at >= rows.at(7)),
    (ExecutionFilter(created_to=rows.at(7)), lambda row: row.created_at <= rows.at(7)),
    (ExecutionFilter(created_from=rows.at(7), created_to=rows.at(7)), lambda row: row.created_at == rows.at(7)),
    (
        ExecutionFilter(states=("PENDING",), server_id=2, task_id=1, trigger="manual", created_by=1),
        lambda row: (
            (row.state, row.server_id, row.task_id, row.trigger, row.created_by) == ("PENDING", 2, 1, "manual", 1)
        ),
    ),
]


async def test_executions_are_narrowed_by_every_part_of_a_filter(store: Store) -> None:
    await store.run(history)
    everything = await store.read(executions.page, ExecutionFilter(), ALL)
    for filter, holds in EXECUTIONS:
        wanted = [row.id for row in everything if holds(row)]
        assert [row.id for row in await store.read(executions.page, filter, ALL)] == wanted, filter
        assert await store.read(executions.count, filter) == len(wanted), filter


def jobs(conn: Connection) -> None:
    people = [rows.user(conn, name).id for name in ("ada", "grace")]
    machines = [rows.server(conn).id for _ in range(2)]
    for n in range(40):
        last = None if n % 5 == 0 else rows.at(n)
        rows.task(conn, server_id=machines[n % 2], enabled=n % 4 < 2, created_by=people[n // 20], last_run=last)
    tasks.delete(conn, 3, rows.NOON)


TASKS: list[tuple[TaskFilter, Callable[[Any], bool]]] = [
    (TaskFilter(server_id=2), lambda row: row.server_id == 2),
    (TaskFilter(enabled=True), lambda row: row.enabled),
    (TaskFilter(enabled=False), lambda row: not row.enabled),
    (TaskFilter(created_by=2), lambda row: row.created_by == 2),
    (TaskFilter(last_run_from=rows.at(7)), lambda row: row.last_run is not None and row.last_run >= rows.at(7)),
    (TaskFilter(last_run_to=rows.at(7)), lambda row: row.last_run is not None and row.last_run <= rows.at(7)),
    (TaskFilter(last_run_from=rows.at(7), last_run_to=rows.at(7)), lambda row: row.last_run == rows.at(7)),
    (
        TaskFilter(server_id=1, enabled=True, created_by=1),
        lambda row: row.server_id == 1 and row.enabled and row.created_by == 1,
    ),
]


async def test_tasks_are_narrowed_by_every_part_of_a_filter(store: Store) -> None:
    await store.run(jobs)
    everything = await store.read(tasks.page, TaskFilter(), ALL)
    assert 3 not in [row.id for row in everything]
    assert len(everything) == 39
    for filter, holds in TASKS:
        wanted = [row.id for row in everything if holds(row)]
        assert wanted
        assert [row.id for row in await store.read(tasks.page, filter, ALL)] == wanted, filter
        assert await store.read(tasks.count, filter) == len(wanted), filter
