"""What reading a long log costs: `python -m bench.reading [sqlite|postgresql] [--mib N]`.

One run with a log of 100 MiB in lines of 100 bytes, in chunks of 64 KiB, and one of 1 MiB for comparison: the median
milliseconds of each slice of it (statements, rows, decoding; no HTTP), the CPU time of this process, and the work that
the database counts (SQLite's steps, the rows that PostgreSQL looks at).

PostgreSQL runs with its tests' settings, without fsync.
"""

import asyncio
import os
import statistics
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bench.report import Report, add_arguments, publish
from db import executions, output
from db.migrate import migrate
from db.models import TaskExecution
from db.store import Store, open_store
from db.values import State, Stream
from resolvers.output_slices import load_slice
from resolvers.slice_request import SliceRequest
from tests.support import rows
from tests.support.costs import cost
from tests.support.postgres import running

KINDS = ("sqlite", "postgresql")
CHUNK_BYTES = 64 * 1024
LINE_BYTES = 100
MIB = 1024 * 1024
BATCH = 64
TIMES, FEWEST, SECONDS = 31, 5, 0.5


@asynccontextmanager
async def open_empty(kind: str) -> AsyncIterator[Store]:
    with ExitStack() as held:
        base = Path.home() if kind == "postgresql" else None
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(dir=base)))
        os.chmod(folder, 0o755)  # PostgreSQL may run as somebody else
        url = f"sqlite:///{folder}/sshcast.db"
        if kind == "postgresql":
            url = held.enter_context(running(folder, shared_buffers="256MB")).url("postgres")
        store = await open_store(url)
        try:
            await migrate(store)
            yield store
        finally:
            await store.close()


async def add_log(store: Store, size: int) -> TaskExecution:
    """A finished run with so many bytes of lines, stored as the service stores them."""
    row = await store.run(rows.pending, state=State.RUNNING, fence=1, runner_id="bench")
    for first in range(0, size, BATCH * CHUNK_BYTES):
        await store.run(output.append, build_chunks(row.id, first, min(first + BATCH * CHUNK_BYTES, size)))
    found = await store.read(executions.by_id, row.id)
    assert found is not None
    return found


def build_chunks(id: int, start: int, end: int) -> list[output.NewChunk]:
    first, last = start // LINE_BYTES, end // LINE_BYTES + 1
    lines = b"".join(b"%08d %b\n" % (n + 1, b"." * (LINE_BYTES - 10)) for n in range(first, last))
    data = lines[start - first * LINE_BYTES :][: end - start]
    return [
        output.NewChunk(id, 1, Stream.STDOUT, start + place, rows.NOON, data[place : place + CHUNK_BYTES])
        for place in range(0, len(data), CHUNK_BYTES)
    ]


def list_slices(size: int) -> dict[str, dict[str, Any]]:
    last = size // LINE_BYTES
    return {
        "first 64 KiB": {},
        "64 KiB in the middle": {"after": f"o{size // 2}"},
        "last 200 lines": {"last_lines": 200},
        "64 KiB before the end": {"before": f"o{size}"},
        "line 1, 100 lines": {"from_line": 1, "lines": 100},
        f"line {last * 9 // 10:,}, 100 lines": {"from_line": last * 9 // 10, "lines": 100},
        "1 MiB from the middle": {"after": f"o{size // 2}", "max_bytes": MIB},
    }


def measure(conn: Connection, row: TaskExecution, request: SliceRequest) -> tuple[float, float, int]:
    """The medians of the time and of this process's CPU time in milliseconds, and the counted work."""
    times: list[float] = []
    spent: list[float] = []
    counted = cost(conn, load_slice, row, request)
    until = time.perf_counter() + SECONDS
    while len(times) < FEWEST or (len(times) < TIMES and time.perf_counter() < until):
        began, cpu = time.perf_counter(), time.process_time()
        load_slice(conn, row, request)
        times.append(time.perf_counter() - began)
        spent.append(time.process_time() - cpu)
    return statistics.median(times) * 1000, statistics.median(spent) * 1000, counted


async def report_on(kind: str, mib: int) -> Report:
    columns = ("log", "slice", "ms", "CPU ms", "work")
    report = Report(f"Slices of a log, {kind}", columns)
    async with open_empty(kind) as store:
        for size in (MIB, mib * MIB):
            row = await add_log(store, size)
            for name, asked in list_slices(size).items():
                ms, cpu_ms, work = await store.read(measure, row, SliceRequest(**asked))
                report.add(log=f"{size // MIB} MiB", slice=name, ms=ms, cpu_ms=cpu_ms, work=work)
    return report


async def main() -> None:
    parser = ArgumentParser(prog="python -m bench.reading", description=__doc__)
    parser.add_argument("kind", nargs="?", choices=KINDS, help="one database only")
    parser.add_argument("--mib", type=int, default=100, help="the length of the long log")
    add_arguments(parser)
    given = parser.parse_args()
    publish(given, *[await report_on(kind, given.mib) for kind in ([given.kind] if given.kind else KINDS)])


if __name__ == "__main__":
    asyncio.run(main())
