"""What a scrape of /metrics costs while the service works: `python -m bench.metrics [--scrapes N] [--at-once N]`.

The real service on SQLite with real sshd. CPU is the whole process's: `--scrapes` (200) of them one after the other,
less what as long a silence takes, before and after a load of `echo hello` runs; and the same number of runs with
scrapes and without them, block by block in turn. Also what it costs to count one event. Ends with 1 if a scrape takes
20 ms or more.
"""

import asyncio
import shutil
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bench.http_client import HttpClient
from bench.report import Report, add_arguments, publish
from bench.service import BenchService, running_service
from db.ended_runs import EndListeners
from resolvers.context import Service
from resolvers.watchers import StreamLimiter
from sshcast.metrics import Metrics
from tests.support.targets import Target, running_sshd

SCRAPES, AT_ONCE, EVENTS = 200, 20, 100_000
RUNS, PAIRS = 300, 4
BOUND_MS = 20.0
RUN = """mutation ($server: ID!) {
  runCommand(input: {serverId: $server, command: "echo hello", wait: 20}) { execution { id } errors { message } }
}"""


async def scrape(client: HttpClient) -> tuple[float, int]:
    """Seconds to the answer, and its size in bytes."""
    begun = time.perf_counter()
    answer = await client.request("GET", "/metrics", b"")
    if answer.status != 200:
        raise RuntimeError(f"/metrics answered {answer.status}")
    return time.perf_counter() - begun, len(answer.body)


async def measure_at_rest(service: BenchService, client: HttpClient, scrapes: int) -> float:
    """CPU milliseconds of one scrape: what a second of silence takes is subtracted."""
    used, begun = service.cpu_seconds(), time.perf_counter()
    await asyncio.sleep(2)
    rest = (service.cpu_seconds() - used) / (time.perf_counter() - begun)
    used, begun = service.cpu_seconds(), time.perf_counter()
    for _ in range(scrapes):
        await scrape(client)
    seconds = time.perf_counter() - begun
    return 1000 * (service.cpu_seconds() - used - rest * seconds) / scrapes


async def run_block(service: BenchService, server: str, at_once: int, scrapes: int) -> tuple[float, list[float]]:
    """CPU seconds of a block of runs with as many scrapes spread over it, and the seconds that each scrape took."""
    clients = [service.client() for _ in range(at_once)]
    other, started, times = service.client(), asyncio.Queue[int](), []
    left = iter(range(RUNS))

    async def work(client: HttpClient) -> None:
        for number in left:
            started.put_nowait(number)
            await service.graphql(client, RUN, server=server)

    used = service.cpu_seconds()
    works = [asyncio.create_task(work(client)) for client in clients]
    for number in range(scrapes):
        while await started.get() < RUNS * number // scrapes:
            pass
        times.append((await scrape(other))[0])
    await asyncio.gather(*works)
    used = service.cpu_seconds() - used
    for client in (*clients, other):
        await client.close()
    return used, times


async def measure_under_load(service: BenchService, server: str, given: Namespace) -> tuple[float, list[float]]:
    """CPU milliseconds of a scrape, the median of pairs of blocks; and the milliseconds that each took."""
    scrapes = max(given.scrapes // PAIRS, 1)
    costs, times = [], []
    for _ in range(PAIRS):
        without, _none = await run_block(service, server, given.at_once, 0)
        used, found = await run_block(service, server, given.at_once, scrapes)
        costs.append(1000 * (used - without) / scrapes)
        times += [1000 * seconds for seconds in found]
    return statistics.median(costs), sorted(times)


async def measure(given: Namespace, service: BenchService, target: Target) -> Report:
    columns = ["state", "scrapes", "runs meanwhile", "CPU ms a scrape", "p50 ms", "p99 ms", "bytes"]
    report = Report("A scrape of /metrics", columns)
    client, other = service.client(), service.client()
    server = await service.add_server(client, target)
    await service.graphql(client, RUN, server=server)
    cpu = await measure_at_rest(service, other, given.scrapes)
    loaded, times = await measure_under_load(service, server, given)
    after = await measure_at_rest(service, other, given.scrapes)
    report.add(state="at rest, before", scrapes=given.scrapes, cpu_ms_a_scrape=cpu)
    report.add(
        state="under load",
        scrapes=len(times),
        runs_meanwhile=RUNS * PAIRS,
        cpu_ms_a_scrape=loaded,
        p50_ms=statistics.median(times),
        p99_ms=times[len(times) * 99 // 100],
        bytes=(await scrape(other))[1],
    )
    report.add(state="at rest, after", scrapes=given.scrapes, cpu_ms_a_scrape=after)
    await client.close()
    await other.close()
    if (worst := max(cpu, loaded, after)) >= BOUND_MS:
        raise SystemExit(f"a scrape costs {worst:.1f} ms of CPU, and not less than {BOUND_MS:.0f}")
    return report


def measure_events() -> Report:
    """CPU microseconds of what is counted on the way of a run."""
    store: Any = SimpleNamespace(dialect="sqlite")
    parts = SimpleNamespace(
        store=store, end_listeners=EndListeners(), watchers=StreamLimiter(), clock=lambda: datetime.now(UTC)
    )
    metrics, now = Metrics(cast(Service, parts)), datetime.now(UTC)
    row: Any = SimpleNamespace(state="SUCCESS", reason="EXIT_STATUS", start_time=now, created_at=now)
    report = Report("One event", ["event", "CPU us"])
    events: tuple[tuple[str, Callable[[], None]], ...] = (
        ("a run's claim", lambda: metrics.note_claim(0.002, [row])),
        ("a run's end", lambda: metrics.note_end(row, 6)),
        ("a flush", lambda: metrics.note_flush(0.002, 65_536)),
        ("a request", lambda: metrics.note_request("/graphql", 200)),
    )
    for name, note in events:
        begun = time.process_time()
        for _ in range(EVENTS):
            note()
        report.add(event=name, cpu_us=1e6 * (time.process_time() - begun) / EVENTS)
    return report


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scrapes", type=int, default=SCRAPES, help="how many scrapes in each state")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many runs at once, under load")
    add_arguments(parser)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sshcast-metrics-"))
    try:
        with ExitStack() as held:
            target = held.enter_context(running_sshd(folder))
            (folder / "service").mkdir()
            service = held.enter_context(running_service(folder / "service"))
            publish(given, asyncio.run(measure(given, service, target)), measure_events())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
