"""What the event stream costs: `python -m bench.events [sqlite|postgresql] [--rows N]`.

The median milliseconds of reading a page of 100 events, for each filter and kind of viewer, beside a million events
(statements, database and rows; no HTTP), and the work as the database counts it: SQLite's steps, the rows that
PostgreSQL looks at. `idle poll` is what a live stream costs each second while nothing happens. PostgreSQL runs with its
tests' settings, without fsync.
"""

import asyncio
import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from bench.reading import KINDS, open_empty
from bench.report import Report, add_arguments, publish
from db import events, grants
from db.event_filters import EventFilter
from db.events import EventRange, Position
from db.values import EventKind, Role
from db.visibility import VisibilityScope
from tests.support import rows
from tests.support.costs import cost, undone

ROWS = 1_000_000
PAGE = 100
TIMES, FEWEST, SECONDS = 31, 5, 0.5
SERVERS, TASKS = 100, 1000
# Viewers with grants on so many of the servers: read server by server, the last one by a condition on each event.
GRANTED = (1, 10, 60)
# Numbers of transactions that are over in any new database of PostgreSQL, in the order of the ids.
XIDS = {"sqlite": "0", "postgresql": "n * 500 / :count"}
SERIES = {
    "sqlite": "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :count)",
    "postgresql": "WITH series(n) AS (SELECT generate_series(1, CAST(:count AS bigint)))",
}
AT = {"sqlite": "'2026-01-01 00:00:00.000000'", "postgresql": "timestamptz '2026-01-01 00:00:00+00'"}
# Of ten events three each are of a run's life and one is of the audit; one in 5,000 is a pause.
FILL = """
INSERT INTO events (xid, at, kind, actor_id, server_id, task_id, execution_id, state)
{series}
SELECT {xid}, {at}, CASE WHEN n % 5000 = 1 THEN 'task-paused' WHEN n % 10 = 0 THEN 'audit-recorded'
    WHEN n % 3 = 0 THEN 'execution-created' WHEN n % 3 = 1 THEN 'execution-started' ELSE 'execution-ended' END,
    1, CASE WHEN n % 10 > 0 THEN n / 3 % {servers} + 1 END, CASE WHEN n % 10 > 0 THEN n / 3 % {tasks} + 1 END,
    CASE WHEN n % 10 > 0 THEN n / 3 END, 'RUNNING'
FROM series
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A unit and its arguments."""

    name: str
    unit: Callable[..., Any]
    arguments: tuple[Any, ...]


def _read(name: str, filter: EventFilter, **window: Any) -> Case:
    return Case(name, events.read, (filter, EventRange(**{"limit": PAGE} | window)))


def list_cases(count: int, viewers: dict[int, int], middle: Position, end: Position) -> Iterator[Case]:
    admin, viewer = EventFilter(with_audit=True), EventFilter()
    yield _read("first page, an admin", admin)
    yield _read("page from the middle", admin, after=middle)
    yield _read("last page", admin, backward=True)
    yield _read("first page, a viewer", viewer)
    yield _read("last page, a viewer", viewer, backward=True)
    pause, life = EventKind.TASK_PAUSED, tuple(kind for kind in EventKind if kind.startswith("execution-"))
    yield _read("kinds: a common one", EventFilter(kinds=(EventKind.EXECUTION_ENDED,)))
    yield _read("kinds: a rare one", EventFilter(kinds=(pause,)))
    yield _read("kinds: one that is not there", EventFilter(kinds=(EventKind.SLOT_CHANGED,)))
    yield _read("kinds: all of a run", EventFilter(kinds=life), after=middle)
    yield _read("taskId", EventFilter(task_id=7))
    yield _read("serverId", EventFilter(server_id=7))
    yield _read("serverId, last page", EventFilter(server_id=7), backward=True)
    yield _read("executionId", EventFilter(execution_id=count // 6))
    yield _read("taskId, a rare kind", EventFilter(task_id=7, kinds=(pause,)))
    yield _read("serverId, a rare kind", EventFilter(server_id=7, kinds=(pause,)))
    for servers, user in viewers.items():
        granted = EventFilter(visibility=VisibilityScope(user))
        yield _read(f"a viewer with grants on {servers} of {SERVERS} servers", granted)
        yield _read(f"the same, last page, {servers}", granted, backward=True)
    yield _read("grants on 1, a rare kind", EventFilter(visibility=VisibilityScope(viewers[1]), kinds=(pause,)))
    yield _read("idle poll", admin, after=end)
    yield Case("total of all", events.count, (admin,))
    yield Case("retention: 200 events", events.prune, (rows.NOON, 200))


def _fill(conn: Connection, count: int) -> dict[int, int]:
    """Return the ids of the viewers, by how many servers they see."""
    for number in range(SERVERS):
        rows.server(conn, name=f"seeded {number}")
    viewers = {servers: rows.user(conn, f"viewer of {servers}").id for servers in GRANTED}
    for servers, user in viewers.items():
        for number in range(servers):
            given = {"user_id": user, "server_id": number + 1, "role": Role.VIEWER, "created_at": rows.NOON}
            grants.insert(conn, given)
    conn.execute(text("DELETE FROM events"))
    kind = conn.dialect.name
    words = {"series": SERIES[kind], "xid": XIDS[kind], "at": AT[kind], "servers": SERVERS, "tasks": TASKS}
    conn.execute(text(FILL.format(**words)), {"count": count})
    return viewers


def _measure(conn: Connection, case: Case) -> tuple[float, int]:
    """The median of many times within half a second or so, and the counted work; nothing stays written."""
    counted = cost(conn, case.unit, *case.arguments)
    found: list[float] = []
    until = time.perf_counter() + SECONDS
    while len(found) < FEWEST or (len(found) < TIMES and time.perf_counter() < until):
        with undone(conn):
            begun = time.perf_counter()
            case.unit(conn, *case.arguments)
            found.append(time.perf_counter() - begun)
    return statistics.median(found) * 1000, counted


def _find_middle(conn: Connection) -> Position:
    found = conn.execute(text("SELECT xid, id FROM events WHERE id = (SELECT max(id) / 2 FROM events)")).one()
    return found.xid, found.id


async def measure(kind: str, count: int) -> Report:
    report = Report(f"{kind}: {count:,} events", ["what", "p50 ms", "counted"])
    async with open_empty(kind) as store:
        viewers = await store.run(_fill, count)
        if kind == "postgresql":
            await store.run(lambda conn: conn.execute(text("ANALYZE")))
        middle, end = await store.read(_find_middle), await store.read(events.find_end)
        for case in list_cases(count, viewers, middle, end):
            milliseconds, counted = await store.run(_measure, case)
            report.add(what=case.name, p50_ms=milliseconds, counted=counted)
    return report


async def main(given: Namespace) -> list[Report]:
    return [await measure(kind, given.rows) for kind in given.kinds or KINDS]


def parse_arguments(words: Sequence[str] | None = None) -> Namespace:
    parser = ArgumentParser(prog="python -m bench.events", description="What the event stream costs its readers.")
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="the databases (default: both)")
    parser.add_argument("--rows", type=int, default=ROWS, metavar="N", help="how many events there are")
    add_arguments(parser)
    return parser.parse_args(words)


if __name__ == "__main__":
    options = parse_arguments()
    publish(options, *asyncio.run(main(options)))
