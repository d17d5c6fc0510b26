"""What a scrape of /metrics costs while the service works: `python -m bench.metrics [--scrapes N] [--at-once N]`.

The real service on SQLite with real sshd. CPU is the whole process's: `--scrapes` (200) of them one after the other,
less what as long a silence takes; before a load of `echo hello` runs and after it, since it can only be told apart at
rest. Under load a scrape is timed. Also what it costs to count one event. Ends with 1 if a scrape takes 20 ms or more.
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


async def load(service: BenchService, client: HttpClient, server: str, stop: asyncio.Event) -> int:
    runs = 0
    while not stop.is_set():
        await service.graphql(client, RUN, server=server)
        runs += 1
    return runs


async def measure(given: Namespace, service: BenchService, target: Target) -> Report:
    columns = ["state", "scrapes", "runs meanwhile", "CPU ms a scrape", "p50 ms", "p99 ms", "bytes"]
    report = Report("A scrape of /metrics", columns)
    client, other = service.client(), service.client()
    server = await service.add_server(client, target)
    await service.graphql(client, RUN, server=server)
    cpu = await measure_at_rest(service, other, given.scrapes)
    stop = asyncio.Event()
    loads = [asyncio.create_task(load(service, client, server, stop)) for _ in range(given.at_once)]
    await asyncio.sleep(1)
    found = [await scrape(other) for _ in range(given.scrapes)]
    stop.set()
    runs = sum(await asyncio.gather(*loads))
    after = await measure_at_rest(service, other, given.scrapes)
    times = sorted(1000 * seconds for seconds, _ in found)
    report.add(state="at rest, before", scrapes=given.scrapes, cpu_ms_a_scrape=cpu)
    report.add(
        state="under load",
        scrapes=given.scrapes,
        runs_meanwhile=runs,
        p50_ms=statistics.median(times),
        p99_ms=times[len(times) * 99 // 100],
        bytes=found[-1][1],
    )
    report.add(state="at rest, after", scrapes=given.scrapes, cpu_ms_a_scrape=after)
    await client.close()
    await other.close()
    if max(cpu, after) >= BOUND_MS:
        raise SystemExit(f"a scrape costs {max(cpu, after):.1f} ms of CPU, and not less than {BOUND_MS:.0f}")
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
