"""What a page costs over HTTP: `python -m bench.api [--rows N] [--seconds S]`.

100 executions x 10 fields, each with its task and the task's newest execution, asked for one at a time and 16 at once:
our GraphQL, a hand-written route (`bench/handwritten.py`), and PostGraphile 5 with an equal query, on the same data.
Every answer has the same executions in the same order. CPU is user and system time of the server's whole process tree,
on PostgreSQL without the database's, which has its own column.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson

from bench.handwritten import PATH
from bench.http_client import HttpClient
from bench.load import Figures, Load, drive
from bench.postgraphile_peer import POSTGRAPHILE_QUERY, find_why_not, run_postgraphile
from bench.processes import sum_cpu_seconds
from bench.report import Report, add_arguments, publish
from bench.seeding import Volume, seed
from bench.service import ROOT, BenchService, running_postgres, running_service
from db.store import open_store
from tests.support.ports import free_port
from tests.support.postgres import Postgres

QUERY = """{ executions(first: 100) { nodes {
  id command state trigger exitCode createdAt startTime endTime durationMs stdoutBytes
  task { id name latestExecution { id state endTime } }
} } }"""
AT_ONCE = (1, 16)
KINDS = ("sqlite", "postgresql")
READY_SECONDS = 30.0
COLUMNS = (
    "way",
    "database",
    "at once",
    "requests",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "CPU ms a request",
    "database CPU ms a request",
    "of the hand-written requests/s",
    "hand-written CPU of its CPU",
)
HANDWRITTEN = "hand-written route"


@dataclass(frozen=True, slots=True)
class Way:
    """One server to ask. `list_ids` finds the executions in its answer, newest first."""

    name: str
    database: str
    url: str
    pid: int
    list_ids: Callable[[Any], list[str]]
    path: str = "/graphql"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, client: HttpClient) -> bytes:
        found = await client.request("POST" if self.body else "GET", self.path, self.body, **self.headers)
        if found.status != 200:
            raise RuntimeError(f"{self.name} answered {found.status}: {found.body[:500]!r}")
        return found.body


@contextmanager
def open_ways(kind: str, folder: Path, given: Namespace) -> Iterator[tuple[list[Way], int | None]]:
    """The servers, all on one database that has its history, and the process of PostgreSQL, if that is it."""
    with ExitStack() as held:
        for name in ("service", "postgres"):
            (folder / name).mkdir(parents=True)
        postgres: Postgres | None = None
        if kind == "postgresql":
            postgres = held.enter_context(running_postgres(folder / "postgres"))
        database = None if postgres is None else postgres.url("postgres")
        service = held.enter_context(running_service(folder / "service", database=database))
        url = database or f"sqlite:///{folder / 'service' / 'data' / 'sshcast.db'}"
        asyncio.run(_fill(url, given.rows))
        ways = [_describe_ours(kind, service), held.enter_context(_run_handwritten(kind, url))]
        if postgres is not None and given.postgraphile:
            address, pid = held.enter_context(run_postgraphile(url))
            ways.append(Way("PostGraphile 5", kind, address, pid, _list_theirs, body=POSTGRAPHILE_QUERY, headers=JSON))
        yield ways, None if postgres is None else postgres.process.pid


async def _fill(url: str, rows: int) -> None:
    store = await open_store(url)
    await seed(store, Volume(rows))
    await store.close()


JSON = {"Content_Type": "application/json"}


def _describe_ours(kind: str, service: BenchService) -> Way:
    headers = JSON | {"Authorization": f"Bearer {service.token}"}
    body = orjson.dumps({"query": QUERY})
    return Way("sshcast", kind, service.url, service.pid, _list_ours, body=body, headers=headers)


def _list_ours(answer: Any) -> list[str]:
    return [each["id"] for each in answer["data"]["executions"]["nodes"] if each["task"]["latestExecution"]["id"]]


def _list_theirs(answer: Any) -> list[str]:
    nodes = answer["data"]["allTaskExecutions"]["nodes"]
    return [each["rowId"] for each in nodes if each["taskByTaskId"]["taskExecutionsByTaskId"]["nodes"][0]["rowId"]]


def _list_handwritten(answer: Any) -> list[str]:
    return [each["id"] for each in answer if each["task"]["latestExecution"]["id"]]


@contextmanager
def _run_handwritten(kind: str, database: str) -> Iterator[Way]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.handwritten", database, str(port)], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_answering(url + PATH, process)
        yield Way(HANDWRITTEN, kind, url, process.pid, _list_handwritten, path=PATH)
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_answering(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_SECONDS
    with httpx2.Client(trust_env=False, verify=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.get(url)
            except httpx2.TransportError:
                time.sleep(0.05)
            else:
                return
    raise RuntimeError(f"nothing answers at {url}")


async def measure(way: Way, at_once: int, seconds: float, database: int | None) -> Figures:
    client, database_cpu = HttpClient.to(way.url), 0.0

    async def run(number: int) -> None:
        await way.ask(client)

    def read_cpu() -> float:
        return sum_cpu_seconds(way.pid)

    await drive(run, Load(at_once, 1, 20, seconds), read_cpu)  # each server compiles what it will
    before = None if database is None else sum_cpu_seconds(database)
    figures = await drive(run, Load(at_once, 1, 1_000_000, seconds), read_cpu)
    if database is not None and before is not None:
        database_cpu = sum_cpu_seconds(database) - before
    await client.close()
    return Figures(figures.latencies, figures.seconds, figures.cpu, None if database is None else database_cpu)


def check_same_answers(ways: Sequence[Way]) -> None:
    """Each way gives the same 100 executions, newest first."""

    async def ask(way: Way) -> bytes:
        client = HttpClient.to(way.url)
        answer = await way.ask(client)
        await client.close()
        return answer

    found = [way.list_ids(orjson.loads(asyncio.run(ask(way)))) for way in ways]
    assert all(ids == found[0] for ids in found), found
    assert len(found[0]) == 100, found[0]


def add_rows(report: Report, ways: Sequence[Way], database: int | None, given: Namespace) -> None:
    for at_once in AT_ONCE:
        found = {way.name: asyncio.run(measure(way, at_once, given.seconds, database)) for way in ways}
        best = found[HANDWRITTEN]
        for way in ways:
            figures = found[way.name]
            report.add(
                way=way.name,
                database=way.database,
                at_once=at_once,
                requests=len(figures.latencies),
                requests_s=figures.per_second,
                p50_ms=figures.percentile_ms(0.5),
                p99_ms=figures.percentile_ms(0.99),
                cpu_ms_a_request=figures.cpu_ms,
                database_cpu_ms_a_request=figures.database_cpu_ms,
                of_the_hand_written_requests_s=round(figures.per_second / best.per_second, 2),
                hand_written_cpu_of_its_cpu=round(best.cpu_ms / figures.cpu_ms, 2),
            )


def main(given: Namespace) -> Report:
    report = Report(f"A page of 100 executions x 10 fields among {given.rows:,}", COLUMNS)
    if (why := find_why_not()) is not None:
        report.notes.append(f"Without PostGraphile: {why}")
        given.postgraphile = False
    for kind in given.databases:
        with ExitStack() as held:
            folder = Path(held.enter_context(tempfile.TemporaryDirectory(dir=Path.home())))
            ways, database = held.enter_context(open_ways(kind, folder, given))
            check_same_answers(ways)
            add_rows(report, ways, database, given)
    return report


def parse_arguments(words: Sequence[str] | None = None) -> Namespace:
    parser = ArgumentParser(prog="python -m bench.api", description="What a page costs over HTTP.")
    parser.add_argument("--rows", type=int, default=10_000, metavar="N", help="executions in the database")
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="for each figure")
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--no-postgraphile", dest="postgraphile", action="store_false")
    add_arguments(parser)
    return parser.parse_args(words)


if __name__ == "__main__":
    options = parse_arguments()
    publish(options, main(options))
