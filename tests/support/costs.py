"""What a unit of work costs a database, counted and not timed, and the plans that it follows."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

STEPS = 10


def cost(conn: Connection, /, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
    """On SQLite the steps of its virtual machine, on PostgreSQL the rows that it looked at. Nothing stays written."""
    count = steps if conn.dialect.name == "sqlite" else rows_looked_at
    with undone(conn):
        return count(conn, lambda: fn(conn, *args, **kwargs))


def plan(conn: Connection, /, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """How the database goes about each statement of `fn`, in its own words."""
    with undone(conn):
        sent = statements(conn, lambda: fn(conn, *args, **kwargs))
    explain = "EXPLAIN QUERY PLAN " if conn.dialect.name == "sqlite" else "EXPLAIN "
    lines = [row[-1] for each, given in sent for row in conn.exec_driver_sql(explain + each, given)]
    return "\n".join(lines)


def steps(conn: Connection, work: Callable[[], Any]) -> int:
    connection = conn.connection.driver_connection
    assert connection is not None
    counted = 0

    def note() -> int:
        nonlocal counted
        counted += STEPS
        return 0

    connection.set_progress_handler(note, STEPS)
    try:
        work()
    finally:
        connection.set_progress_handler(None, STEPS)
    return counted


def rows_looked_at(conn: Connection, work: Callable[[], Any]) -> int:
    with undone(conn):
        sent = statements(conn, work)
    found = 0
    for statement, given in sent:
        answer = conn.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given).scalar_one()
        parsed = json.loads(answer) if isinstance(answer, str) else answer
        found += sum(looked_at(node) for node in nodes(parsed[0]["Plan"]) if "Scan" in node["Node Type"])
    return found


def looked_at(node: dict[str, Any]) -> int:
    removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def statements(conn: Connection, work: Callable[[], Any]) -> list[tuple[str, Any]]:
    """What `work` sends, with its parameters; of one that is sent for many rows, the first row."""
    found: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, given: Any, context: Any, executemany: bool) -> None:
        if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            one_a_row = executemany and not isinstance(given, tuple)  # else all rows are in the one statement
            found.append((statement, tuple(given[0] if one_a_row else given)))

    event.listen(conn, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(conn, "before_cursor_execute", note)
    return found


@contextmanager
def undone(conn: Connection) -> Iterator[None]:
    with conn.begin_nested() as savepoint:
        yield
        savepoint.rollback()
