"""What reading and working cost beside a history: `python -m bench.history [sqlite|postgresql] [--rows N ...]`.

The median milliseconds of each unit (statement, database and rows; no HTTP) at 10,000, 100,000 and 1,000,000
executions, and the growth from the smallest to the largest history: of the time, and of the work as the database counts
it (SQLite's steps, the rows that PostgreSQL looks at), which no other load on the machine disturbs. `--cpu` measures
CPU time instead, of the unit and of PostgreSQL's process for it. `--rows 10000 10000000` measures other histories; ten
million take SQLite some 6 GB. `--keep FOLDER` leaves the databases there for the next time.

PostgreSQL runs with its tests' settings, without fsync.
"""

import asyncio
import os
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import orjson
from sqlalchemy import Connection, text

from bench.history_cases import Case, add_work, list_cases
from bench.report import Report, add_arguments, publish
from bench.seeding import History, Volume, seed
from db.migrate import migrate
from db.store import Store, open_store
from tests.support.costs import cost, undone
from tests.support.postgres import running

KINDS = ("sqlite", "postgresql")
COUNTS = (10_000, 100_000, 1_000_000)
MOST_CHUNKS = 20_000
TIMES, FEWEST = 31, 5
SECONDS = 0.5
NOTED = "seeded.json"

Costs = dict[str, tuple[float, int]]
"""Milliseconds, and the counted work, by the name of the case."""
Clock = Callable[[], float]


@asynccontextmanager
async def open_history(kind: str, count: int, keep: Path | None) -> AsyncIterator[tuple[Store, History]]:
    """A database with a history of `count` executions, made unless `keep` has it from before."""
    with ExitStack() as held:
        folder = _make_folder(held, kind, count, keep)
        url = f"sqlite:///{folder}/sshcast.db"
        if kind == "postgresql":
            url = held.enter_context(running(folder, shared_buffers="256MB")).url("postgres")
        store = await open_store(url)
        try:
            yield store, await _fill(store, folder / NOTED, count)
        finally:
            await store.close()


def _make_folder(held: ExitStack, kind: str, count: int, keep: Path | None) -> Path:
    if keep is None:
        base = Path.home() if kind == "postgresql" else None
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(dir=base)))
    else:
        folder = keep / f"{kind}-{count}"
        folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o755)  # PostgreSQL may run as somebody else
    return folder


async def _fill(store: Store, noted: Path, count: int) -> History:
    if (known := _load_noted(noted)) is not None:
        return known
    await migrate(store)
    history = await seed(store, Volume(count, chunks=min(count // 10, MOST_CHUNKS)))
    await store.run(add_work, history)
    _note(noted, history)
    return history


def _load_noted(noted: Path) -> History | None:
    if not noted.exists():
        return None
    found = orjson.loads(noted.read_bytes())
    return History(**found | {"volume": Volume(**found["volume"])})


def _note(noted: Path, history: History) -> None:
    noted.write_bytes(orjson.dumps(asdict(history)))


async def measure_all(kind: str, count: int, given: Namespace) -> Costs:
    async with open_history(kind, count, given.keep) as (store, history):
        return {
            case.name: await (store.run if case.writes else store.read)(_measure, case, given.cpu)
            for case in list_cases(history)
        }


def _measure(conn: Connection, case: Case, cpu: bool) -> tuple[float, int]:
    """The median of many times within half a second or so, the first not counted; nothing stays written."""
    found: list[float] = []
    clock = _find_cpu_clock(conn) if cpu else time.perf_counter
    counted = cost(conn, case.unit, *case.arguments)
    until = time.perf_counter() + SECONDS
    while len(found) < FEWEST or (len(found) < TIMES and time.perf_counter() < until):
        found.append(_measure_once(conn, case, clock))
    return statistics.median(found) * 1000, counted


def _measure_once(conn: Connection, case: Case, clock: Clock) -> float:
    with undone(conn):
        begun = clock()
        case.unit(conn, *case.arguments)
        return clock() - begun


def _find_cpu_clock(conn: Connection) -> Clock:
    """Seconds of CPU of this thread, which is SQLite's too, and of the PostgreSQL process that serves `conn`."""
    if conn.dialect.name == "sqlite":
        return time.thread_time
    path = Path(f"/proc/{conn.scalar(text('SELECT pg_backend_pid()'))}/schedstat")
    return lambda: time.thread_time() + int(path.read_text().split()[0]) / 1e9


def report_costs(kind: str, found: dict[int, Costs]) -> Report:
    """A row a case, with its growth from the smallest history to the largest."""
    first, last = min(found), max(found)
    columns = ["what", *(f"{count:,}" for count in found), "growth", "growth, counted"]
    report = Report(f"{kind}: p50 in ms by executions", columns)
    for name, (least, few) in found[first].items():
        values = {f"{count:,}": costs[name][0] for count, costs in found.items()}
        most, many = found[last][name]
        growth = {"growth": round(most / least, 2), "growth, counted": round((many + 100) / (few + 100), 2)}
        report.rows.append({"what": name, **values, **growth})
    return report


async def main(given: Namespace) -> list[Report]:
    reports = []
    for kind in given.kinds or KINDS:
        found = {count: await measure_all(kind, count, given) for count in sorted(given.rows)}
        reports.append(report_costs(kind, found))
    return reports


def parse_arguments(words: Sequence[str] | None = None) -> Namespace:
    parser = ArgumentParser(prog="python -m bench.history", description="What a history costs its readers.")
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="the databases (default: both)")
    parser.add_argument("--rows", nargs="+", type=int, default=COUNTS, metavar="N", help="executions, once a history")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the databases here, and use those that are")
    parser.add_argument("--cpu", action="store_true", help="measure CPU time, for a machine that does other things")
    add_arguments(parser)
    return parser.parse_args(words)


if __name__ == "__main__":
    options = parse_arguments()
    publish(options, *asyncio.run(main(options)))
