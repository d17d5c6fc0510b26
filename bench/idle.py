"""What the service takes while nothing happens: `python -m bench.idle [--runs N] [--seconds N]`.

Resident memory and CPU time of the service at rest over `--seconds` (20), then with `--runs` (1,000) runs of `sleep`
that say nothing, attached and then durable, on `--targets` (4) real sshd. SQLite, the settings' defaults except as many
slots as there are runs. The sleeps and the sshd are not counted, but take the machine's memory.
"""

import asyncio
import shutil
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from bench.http_client import HttpClient
from bench.report import Report, add_arguments, publish
from bench.service import BenchService, running_service
from tests.support.targets import Target, running_sshd

SECONDS, RUNS, TARGETS = 20.0, 1000, 4
WAIT_SECONDS = 300.0
AT_ONCE = 20
SLEEP_SECONDS = 3600
SSHD_LINES = ("MaxSessions 2000", "MaxStartups 1000:30:2000")
MEGABYTE = 1_000_000
RUN = """mutation ($server: ID!, $command: String!) {
  runCommand(input: {serverId: $server, command: $command}) { execution { id } errors { code message } }
}"""
STARTED = "{ executions(filter: {states: [RUNNING]}, first: 1) { totalCount } }"
CANCEL = "mutation ($id: ID!) { cancelExecution(input: {id: $id}) { errors { code message } } }"


async def measure_rest(report: Report, service: BenchService, what: str, seconds: float) -> None:
    used = service.cpu_seconds()
    await asyncio.sleep(seconds)
    percent = 100 * (service.cpu_seconds() - used) / seconds
    report.add(what=what, rss_mb=service.rss_bytes() / MEGABYTE, cpu=percent)


@asynccontextmanager
async def running_sleeps(
    service: BenchService, client: HttpClient, servers: list[str], count: int
) -> AsyncIterator[None]:
    """`count` runs that have all started, until the block ends; they are cancelled then."""
    ids: list[str] = []

    async def start(numbers: list[int]) -> None:
        for number in numbers:
            server, command = servers[number % len(servers)], f"exec sleep {SLEEP_SECONDS}"
            payload = (await service.graphql(client, RUN, server=server, command=command))["runCommand"]
            if payload["errors"]:
                raise RuntimeError(str(payload["errors"]))
            ids.append(payload["execution"]["id"])

    await asyncio.gather(*(start(list(range(first, count, AT_ONCE))) for first in range(AT_ONCE)))
    await wait_for_running(service, client, count)
    try:
        yield
    finally:
        for id in ids:
            await service.graphql(client, CANCEL, id=id)
        await wait_for_running(service, client, 0)


async def wait_for_running(service: BenchService, client: HttpClient, count: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := (await service.graphql(client, STARTED))["executions"]["totalCount"]) != count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{found} executions run, not {count}")
        await asyncio.sleep(0.5)


async def measure_all(given: Namespace, service: BenchService, targets: list[Target]) -> Report:
    report = Report("At rest", ["what", "RSS MB", "CPU %"])
    await measure_rest(report, service, "at rest", given.seconds)
    client = service.client()
    for mode in ("ATTACHED", "DURABLE"):
        most = -(-given.runs // len(targets))
        servers = [await service.add_server(client, each, run_mode=mode, max_parallel=most) for each in targets]
        async with running_sleeps(service, client, servers, given.runs):
            await measure_rest(report, service, f"{given.runs:,} silent runs, {mode.lower()}", given.seconds)
        await client.close()
        service.stop()
        service.start()
    return report


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS, help="how many silent runs")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long CPU time is counted")
    parser.add_argument("--targets", type=int, default=TARGETS, help="how many sshd the runs are spread over")
    add_arguments(parser)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sshcast-idle-"))
    try:
        with ExitStack() as held:
            targets = []
            for number in range(given.targets):
                (folder / f"sshd-{number}").mkdir()
                targets.append(held.enter_context(running_sshd(folder / f"sshd-{number}", *SSHD_LINES)))
            (folder / "service").mkdir()
            settings = {"runner_slots": str(given.runs)}
            service = held.enter_context(running_service(folder / "service", settings=settings))
            publish(given, asyncio.run(measure_all(given, service, targets)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
