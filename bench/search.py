"""What searching a long log costs: `python -m bench.search [sqlite|postgresql] [--mib N]`.

One run with a log of 100 MiB in lines of 100 bytes, in chunks of 64 KiB, searched from its beginning for one line near
its end: the milliseconds until it is found, in how many requests, each with the bounds that the service has, and the
CPU time of this process (reading, decoding, matching; no HTTP).

PostgreSQL runs with its tests' settings, without fsync.
"""

import asyncio
import time
from argparse import ArgumentParser
from types import SimpleNamespace
from typing import Any, cast

from bench.reading import KINDS, LINE_BYTES, MIB, add_log, open_empty
from bench.report import Report, add_arguments, publish
from db.store import Store
from db.visibility import EVERYTHING
from resolvers import output_search
from resolvers.context import Context
from resolvers.output_search import SearchRequest
from resolvers.search_budget import SearchBudget, SearchSlots
from resolvers.search_patterns import Syntax


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


async def measure(ctx: Context, id: int, request: SearchRequest) -> dict[str, Any]:
    """Search until the first page with lines, or the end."""
    began, cpu, requests, scanned, after = time.perf_counter(), time.process_time(), 0, 0, None
    while True:
        asked = SearchRequest(
            pattern=request.pattern,
            syntax=request.syntax,
            ignore_case=request.ignore_case,
            context=request.context,
            first=request.first,
            after=after,
        )
        found = await output_search.search_output(ctx, id, asked, SearchBudget())
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


def build_context(store: Store) -> Context:
    """A context with what a search needs of it."""
    service = SimpleNamespace(store=store, searches=SearchSlots())
    viewer = SimpleNamespace(user_id=1)
    return cast(Context, SimpleNamespace(service=service, visibility=EVERYTHING, require_viewer=lambda: viewer))


async def report_on(kind: str, mib: int) -> Report:
    report = Report(f"Searches of a log of {mib} MiB, {kind}", ("search", "requests", "lines", "MiB", "ms", "CPU ms"))
    async with open_empty(kind) as store:
        row = await add_log(store, mib * MIB)
        for name, request in list_searches(mib * MIB // LINE_BYTES - 1000).items():
            report.add(search=name, **await measure(build_context(store), row.id, request))
    return report


async def main() -> None:
    parser = ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("kind", nargs="?", choices=KINDS, help="one database only")
    parser.add_argument("--mib", type=int, default=100, help="the length of the log")
    add_arguments(parser)
    given = parser.parse_args()
    publish(given, *[await report_on(kind, given.mib) for kind in ([given.kind] if given.kind else KINDS)])


if __name__ == "__main__":
    asyncio.run(main())
