"""What searching output costs: `python -m bench.search [sqlite|postgresql] [--mib N] [--runs N]`.

One run with a log of 100 MiB in lines of 100 bytes, in chunks of 64 KiB, searched from its beginning for one line near
its end; and 10,000 runs with a log of 4 KB each, searched from the newest for what the oldest wrote: the milliseconds
until it is found, in how many requests, each with the bounds that the service has, and the CPU time of this process
(reading, decoding, matching; no HTTP).

PostgreSQL runs with its tests' settings, without fsync.
"""

import asyncio
import time
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Connection

from bench.reading import KINDS, LINE_BYTES, MIB, add_log, open_empty
from bench.report import Report, add_arguments, publish
from db import output, servers
from db.execution_filters import ExecutionFilter
from db.store import Store
from db.values import State, Stream
from db.visibility import EVERYTHING
from resolvers import output_search
from resolvers.context import Context
from resolvers.output_search import OutputMatches, SearchRequest
from resolvers.search_budget import SearchBudget, SearchSlots
from resolvers.search_patterns import Syntax
from tests.support import rows

SERVERS, LINES, BATCH = 100, 40, 500


def list_searches(line: int) -> dict[str, SearchRequest]:
    return {
        "a text": SearchRequest(pattern=f"{line:08} ."),
        "a text, in any case": SearchRequest(pattern=f"{line:08} .", ignore_case=True),
        "a text, with 10 lines around": SearchRequest(pattern=f"{line:08} .", context=10),
        "RE2, a word": SearchRequest(pattern=rf"^{line:08}\s", syntax=Syntax.RE2),
        "RE2, in every line at first": SearchRequest(
            pattern=rf"^[0-9]+5 .*\.$|^{line:08}x?", syntax=Syntax.RE2, first=100
        ),
        "RE2, nested repeats": SearchRequest(pattern=r"(\.+\.+)+x", syntax=Syntax.RE2),
        "nothing": SearchRequest(pattern="is not in it"),
    }


Ask = Callable[[SearchRequest], Awaitable[OutputMatches]]


def list_searches_of_runs() -> dict[str, tuple[ExecutionFilter, SearchRequest]]:
    oldest = SearchRequest(pattern="this is run 1 ")
    return {
        "a text of the oldest run": (ExecutionFilter(), oldest),
        "RE2, of the oldest run": (ExecutionFilter(), SearchRequest(pattern=r"is run 1\s", syntax=Syntax.RE2)),
        "a text of every run, 20 lines": (ExecutionFilter(), SearchRequest(pattern="this is run ")),
        "of one server's runs, a hundredth": (ExecutionFilter(server_id=1), oldest),
        "nothing": (ExecutionFilter(), SearchRequest(pattern="is not in it")),
    }


async def measure(ask: Ask, request: SearchRequest) -> dict[str, Any]:
    """Search until the first page with lines, or the end."""
    began, cpu, requests, scanned, after = time.perf_counter(), time.process_time(), 0, 0, None
    while True:
        found = await ask(replace(request, after=after))
        requests, scanned, after = requests + 1, scanned + found.scanned_bytes, found.end_cursor
        if found.nodes or found.is_complete:
            break
    return {
        "requests": requests,
        "lines": len(found.nodes),
        "mib": round(scanned / MIB, 1),
        "ms": (time.perf_counter() - began) * 1000,
        "cpu_ms": (time.process_time() - cpu) * 1000,
    }


def add_runs(conn: Connection, first: int, last: int) -> None:
    """Runs with these numbers, in turn on each server. The first line of each says which it is."""
    while servers.count(conn, servers.ServerFilter()) < SERVERS:
        rows.server(conn)
    for number in range(first, last + 1):
        given = {"state": State.RUNNING, "fence": 1, "runner_id": "bench", "server_id": (number - 1) % SERVERS + 1}
        row = rows.pending(conn, **given)
        log = b"this is run %d \n" % number + (b"." * (LINE_BYTES - 1) + b"\n") * LINES
        output.append(conn, [output.NewChunk(row.id, 1, Stream.STDOUT, 0, rows.NOON, log)])


def build_context(store: Store) -> Context:
    """A context with what a search needs of it."""
    service = SimpleNamespace(store=store, searches=SearchSlots())
    viewer = SimpleNamespace(user_id=1)
    return cast(Context, SimpleNamespace(service=service, visibility=EVERYTHING, require_viewer=lambda: viewer))


async def report_on(kind: str, mib: int, runs: int) -> list[Report]:
    columns = ("search", "requests", "lines", "MiB", "ms", "CPU ms")
    one = Report(f"Searches of a log of {mib} MiB, {kind}", columns)
    many = Report(f"Searches of {runs:,} runs, {kind}", columns)
    async with open_empty(kind) as store:
        ctx = build_context(store)
        for first in range(1, runs + 1, BATCH):
            await store.run(add_runs, first, min(first + BATCH - 1, runs))
        for name, (filter, request) in list_searches_of_runs().items():
            asking = partial(_search_runs, ctx, filter)
            many.add(search=name, **await measure(asking, request))
        row = await add_log(store, mib * MIB)
        for name, request in list_searches(mib * MIB // LINE_BYTES - 1000).items():
            one.add(search=name, **await measure(partial(_search_run, ctx, row.id), request))
    return [one, many]


async def _search_run(ctx: Context, id: int, request: SearchRequest) -> OutputMatches:
    return await output_search.search_output(ctx, id, request, SearchBudget())


async def _search_runs(ctx: Context, filter: ExecutionFilter, request: SearchRequest) -> OutputMatches:
    return await output_search.search_outputs(ctx, filter, request, SearchBudget())


async def main() -> None:
    parser = ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("kind", nargs="?", choices=KINDS, help="one database only")
    parser.add_argument("--mib", type=int, default=100, help="the length of the long log")
    parser.add_argument("--runs", type=int, default=10_000, help="how many runs are searched")
    add_arguments(parser)
    given = parser.parse_args()
    kinds = [given.kind] if given.kind else KINDS
    publish(given, *[report for kind in kinds for report in await report_on(kind, given.mib, given.runs)])


if __name__ == "__main__":
    asyncio.run(main())
