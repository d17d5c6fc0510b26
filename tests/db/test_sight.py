"""What is seen by grants: the same rows as when everything is read and the rest is left out in Python."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection

from db import executions, grants, servers, slots, tasks, users
from db.executions import ExecutionFilter
from db.page import Window
from db.servers import ServerFilter
from db.slots import SlotFilter
from db.store import Store
from db.tasks import TaskFilter
from db.values import Role, State
from db.visibility import EVERYTHING, VisibilityScope
from tests.support import rows

pytestmark = pytest.mark.anyio

ALL = Window(limit=1000)
TAGS = [["a"], ["a", "b"], ["b"], ["A"], []]
# Of servers 1 to 5: one by itself (and by a tag too), one by a tag.
SEEN = {2, 3}
EACH: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
    "servers": (servers, ServerFilter(), ("id", "name")),
    "tasks": (tasks, TaskFilter(), ("id", "name", "next_run")),
    "tasks of a server": (tasks, TaskFilter(server_id=2), ("id",)),
    "tasks of an unseen server": (tasks, TaskFilter(server_id=1), ("id",)),
    "executions": (executions, ExecutionFilter(), ("id", "created_at", "start_time")),
    "executions of a task": (executions, ExecutionFilter(task_id=3), ("id",)),
    "executions of an unseen task": (executions, ExecutionFilter(task_id=1), ("id",)),
    "executions of an unseen server": (executions, ExecutionFilter(server_id=1), ("id",)),
    "executions in a state": (executions, ExecutionFilter(states=("PENDING",)), ("id",)),
    "slots": (slots, SlotFilter(), ("id", "slot")),
    "slots of a task": (slots, SlotFilter(task_id=3), ("slot",)),
    "slots of an unseen task": (slots, SlotFilter(task_id=1), ("slot",)),
    "slots of an unseen server": (slots, SlotFilter(server_id=1), ("slot",)),
}


def fill(conn: Connection) -> VisibilityScope:
    """Five servers with tags, and on each two tasks, with executions and slots; what a user of role none sees."""
    for tags in TAGS:
        server = rows.server(conn, tags=tags)
        for number in range(2):
            next_run = rows.at(number) if number else None
            task = rows.task(conn, server_id=server.id, name=f"task {number}", next_run=next_run)
            for second in range(3):
                start = rows.at(second) if second else None
                state = State.PENDING if second else State.SUCCESS
                made = {"server_id": server.id, "task_id": task.id, "state": state, "start_time": start}
                rows.pending(conn, **made, created_at=rows.at(10 - second))
            slots.record(conn, [slot(task.id, second) for second in range(3)])
    rows.pending(conn, server_id=2)  # one that has no task
    rows.pending(conn, server_id=1, task_id=3)  # task 3 has moved from server 1 to server 2
    return granted(conn, server_id=2) and granted(conn, tag="b")


def slot(task_id: int, second: int) -> dict[str, Any]:
    return {"task_id": task_id, "slot": rows.at(second), "outcome": "missed", "decided_at": rows.NOON}


def granted(conn: Connection, /, name: str = "grace", **place: Any) -> VisibilityScope:
    user = users.by_name(conn, name) or users.insert(conn, name=name, password_hash="x", role=Role.NONE, at=rows.NOON)
    grants.insert(conn, grant(user.id, Role.VIEWER, **place))
    return VisibilityScope(user.id)


def server_of(conn: Connection) -> Callable[[Any], int | None]:
    """The server that a row belongs to."""
    by_task = {task.id: task.server_id for task in tasks.page(conn, TaskFilter(), ALL)}

    def found(row: Any) -> int | None:
        if hasattr(row, "outcome"):
            return by_task[row.task_id]
        return int(row.server_id if hasattr(row, "server_id") else row.id)

    return found


def windows(orders: tuple[str, ...], every: list[Any]) -> list[Window]:
    """All kinds of pages of these rows."""
    found = [ALL]
    for order, descending, backward in product(orders, (False, True), (False, True)):
        usual = Window(limit=4, order=order, descending=descending, backward=backward)
        middle = every[len(every) // 2] if every else None
        found += [usual, replace(usual, offset=0 if backward else 3)]
        if middle is not None:
            place = (getattr(middle, order), middle.id)
            found.append(replace(usual, before=place) if backward else replace(usual, after=place))
    return found


@pytest.mark.parametrize("name", EACH)
async def test_pages_and_totals_are_those_of_what_is_seen(store: Store, name: str) -> None:
    table, filter, orders = EACH[name]

    def check(conn: Connection) -> int:
        sight, server = fill(conn), server_of(conn)
        mine = replace(filter, visibility=sight)
        every = [row for row in table.page(conn, filter, ALL) if server(row) in SEEN]
        if getattr(filter, "task_id", None) == 1:
            assert every == []
        assert (table.count_matching if hasattr(table, "count_matching") else table.count)(conn, mine) == len(every)
        for window in windows(orders, every):
            whole = replace(window, limit=1000, offset=0)
            wanted = [row for row in table.page(conn, filter, whole) if server(row) in SEEN]
            wanted = wanted[::-1] if window.backward else wanted
            wanted = wanted[window.offset : window.offset + window.limit + 1]
            assert table.page(conn, mine, window) == (wanted[::-1] if window.backward else wanted), window
        return len(every)

    assert (await store.run(check) > 0) is ("unseen" not in name)


async def test_one_row_is_there_for_whom_it_is_seen_by_and_for_nobody_else(store: Store) -> None:
    def check(conn: Connection) -> None:
        sight, blind = fill(conn), granted(conn, "eve", tag="c")
        for table, ids in ((servers, range(1, 6)), (tasks, range(1, 11)), (executions, range(1, 33))):
            every = [row for id in ids if (row := table.by_id(conn, id)) is not None]
            assert len(every) == len(ids)
            seen = [row for row in every if getattr(row, "server_id", row.id) in SEEN]
            assert [row for row in (table.by_id(conn, id, sight) for id in ids) if row is not None] == seen
            assert sorted(row.id for row in table.by_ids(conn, list(ids), sight)) == [row.id for row in seen]
            assert table.by_ids(conn, list(ids), blind) == []
            assert [id for id in ids if table.by_id(conn, id, blind)] == []

    await store.run(check)


async def test_nested_lists_and_watchers_show_what_is_seen(store: Store) -> None:
    def check(conn: Connection) -> None:
        sight, server = fill(conn), server_of(conn)
        all_servers, all_tasks = list(range(1, 6)), list(range(1, 11))
        parts: list[list[Any]] = [
            *tasks.page_of_servers(conn, all_servers, TaskFilter(visibility=sight), ALL).values(),
            *executions.page_of_tasks(conn, all_tasks, ExecutionFilter(visibility=sight), ALL).values(),
            *slots.page_of_tasks(conn, all_tasks, SlotFilter(visibility=sight), ALL).values(),
            executions.list_latest_of_tasks(conn, all_tasks, sight),
            executions.by_ids(
                conn, list(executions.load_statuses(conn, ExecutionFilter(visibility=sight), 0)), EVERYTHING
            ),
            slots.list_changes(conn, SlotFilter(visibility=sight), 0, ()),
        ]
        assert {server(row) for part in parts for row in part} == SEEN
        assert len([part for part in parts if part]) == 2 + 4 + 4 + 3
        counts = tasks.count_of_servers(conn, all_servers, TaskFilter(visibility=sight))
        assert counts == {1: 0, 2: 2, 3: 2, 4: 0, 5: 0}

    await store.run(check)


async def test_a_deleted_servers_history_is_seen_and_changed_tags_count_at_once(store: Store) -> None:
    def check(conn: Connection) -> None:
        sight = fill(conn)
        servers.delete(conn, 2, rows.NOON)
        assert servers.by_id(conn, 2, sight) is None
        assert [row.id for row in servers.by_ids(conn, [2], sight)] == [2]
        assert executions.count(conn, ExecutionFilter(server_id=2, visibility=sight)) == 7
        servers.update(conn, 3, {"tags": ["c"]})
        servers.update(conn, 1, {"tags": ["b", "c"]})
        assert [row.id for row in servers.page(conn, ServerFilter(visibility=sight), ALL)] == [1]

    await store.run(check)


async def test_a_user_has_the_highest_role_that_is_granted(store: Store) -> None:
    def check(conn: Connection) -> None:
        user = fill(conn).user_id or 0
        grants.insert(conn, grant(user, Role.ADMIN, tag="a"))
        pairs = [(user, server) for server in range(1, 6)]
        held = grants.load_roles(conn, pairs)
        assert held == {(user, 1): Role.ADMIN, (user, 2): Role.ADMIN, (user, 3): Role.VIEWER}
        assert grants.filter_by_role(conn, pairs, Role.OPERATOR) == {(user, 1), (user, 2)}
        users.update(conn, user, {"disabled": True})
        assert grants.filter_by_role(conn, pairs, Role.OPERATOR) == set()
        users.update(conn, user, {"disabled": False, "role": Role.OPERATOR})
        assert grants.filter_by_role(conn, pairs, Role.OPERATOR) == set(pairs)
        assert grants.has_role_somewhere(conn, user, Role.ADMIN)
        assert not grants.has_role_somewhere(conn, 1, Role.VIEWER)

    await store.run(check)


def grant(user_id: int, role: Role, **place: Any) -> dict[str, Any]:
    values = {"server_id": None, "tag": None} | place
    return values | {"user_id": user_id, "role": role, "created_by": None, "created_at": rows.NOON}
