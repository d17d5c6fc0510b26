"""What the store costs: `python -m bench.store [sqlite|postgresql] [FOLDER]`.

1. Writes a second: one caller, whose every write is a commit of its own, against many callers, whose writes share
   commits (group commit on SQLite, the pool on PostgreSQL). FOLDER decides which disk is written to.
2. A claim of 10, with 100, 10,000 and 100,000 executions waiting, and as many in the history: ratios to the first.
3. A page of 20 executions from the middle of such a history, and a pending row made behind such a queue.

PostgreSQL runs with its tests' settings, without fsync.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, insert, text

from db import claims, executions
from db import rows as tables
from db.executions import ExecutionFilter
from db.migrate import migrate
from db.models import TaskExecution
from db.page import Window
from db.store import Store, open_store
from db.values import State
from tests.support import rows
from tests.support.costs import undone
from tests.support.postgres import running

SECONDS = 3.0
CALLERS = (1, 16, 256)
COUNTS = (100, 10_000, 100_000)
TIMES = 25
SERVERS = 20
PART = 5_000


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Store]:
    """A new database of today's schema."""
    with ExitStack() as held:
        place = Path(held.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        url = f"sqlite:///{place}/sshcast.db"
        if kind == "postgresql":
            url = held.enter_context(running(place)).url("postgres")
        store = await open_store(url)
        await migrate(store)
        await store.run(servers)
        yield store
        await store.close()


def servers(conn: Connection) -> None:
    for _ in range(SERVERS):
        rows.server(conn, max_parallel=50)


async def writes(store: Store, callers: int) -> tuple[float, float]:
    """Pending executions a second, and our CPU of one in us: so many callers, each of which waits for its answer."""
    done, until = 0, time.perf_counter() + SECONDS

    async def call() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await store.run(rows.pending, server_id=1)
            done += 1

    begun, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(call() for _ in range(callers)))
    return done / (time.perf_counter() - begun), (time.process_time() - used) / done * 1e6


async def fill(store: Store, count: int, state: State) -> None:
    """Executions in this state, spread over the servers."""
    one = await store.run(rows.pending, server_id=1, state=State.CANCELLED)
    usual = rows.as_dict(one) | {"state": state}
    del usual["id"]
    for start in range(0, count, PART):
        part = [made(usual, n) for n in range(start, min(count, start + PART))]
        await store.run(add_all, part)
    if store.dialect == "postgresql":
        await store.run(lambda conn: conn.execute(text("ANALYZE")).close())


def add_all(conn: Connection, values: list[dict[str, Any]]) -> None:
    conn.execute(insert(tables.get_table(TaskExecution)), values)


def made(usual: dict[str, Any], n: int) -> dict[str, Any]:
    moment = rows.at(n - 100_000)
    return usual | {"server_id": n % SERVERS + 1, "created_at": moment, "start_time": moment, "end_time": moment}


def timed(conn: Connection, /, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    """Milliseconds, the median of several times; nothing stays written."""
    found = []
    for _ in range(TIMES):
        with undone(conn):
            begun = time.perf_counter()
            fn(conn, *args, **kwargs)
            found.append(time.perf_counter() - begun)
    return statistics.median(found) * 1000


async def costs(store: Store) -> dict[str, float]:
    newest = await store.read(executions.find_newest_id)
    middle = Window(limit=20, order="created_at", after=(rows.at(-100_000 + newest // 2), newest // 2))
    return {
        "claim of 10": await store.run(timed, claims.claim, runner_id="bench", at=rows.NOON, limit=10),
        "page from the middle": await store.run(timed, executions.page, ExecutionFilter(), middle),
        "pending row": await store.run(timed, pending_within_limits),
    }


def pending_within_limits(conn: Connection) -> None:
    executions.has_pending_at_least(conn, 1_000_000)
    rows.pending(conn, server_id=1)


def shown(title: str, found: dict[int, dict[str, float]]) -> Table:
    table = Table("ms, median", *(f"{count:,}" for count in found), "last / first", title=title)
    for name, first in found[COUNTS[0]].items():
        values = [part[name] for part in found.values()]
        table.add_row(name, *(f"{value:.2f}" for value in values), f"{values[-1] / first:.2f}")
    return table


async def main(kind: str, folder: Path) -> None:
    console = Console(width=100)
    table = Table("callers", "writes/s", "times one caller's", "CPU of one, us", title=f"{kind}: durable writes")
    async with opened(kind, folder) as store:
        alone, _ = await writes(store, 1)
        for callers in CALLERS:
            speed, used = await writes(store, callers)
            table.add_row(str(callers), f"{speed:,.0f}", f"{speed / alone:.1f}", f"{used:,.0f}")
    console.print(table)
    for title, state in (("executions waiting", State.PENDING), ("executions in the history", State.SUCCESS)):
        found = {}
        for count in COUNTS:
            async with opened(kind, folder) as store:
                await fill(store, count, state)
                if state is not State.PENDING:
                    await fill(store, 100, State.PENDING)
                found[count] = await costs(store)
        console.print(shown(f"{kind}: by {title}", found))


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    asyncio.run(main(given.get(1, "sqlite"), Path(given.get(2, tempfile.gettempdir()))))
