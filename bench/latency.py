"""How long output is on its way: python -m bench.latency

`live`: from a write on the target to the piece at a subscriber (GraphQL, WebSocket), at a few writes a second and at
many. The command prints the monotonic clock, which on one machine is the reader's too. `first byte`: from the `runTask`
request to the first byte at a subscriber whose socket is open, on a connection that is there (warm) and on a new one
(cold). Plain `ssh` does the same in between: with ControlMaster for warm.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import following, peer_ssh, report
from bench.following import RunFailed
from bench.service import BenchService, running_postgres, running_service
from tests.support.targets import Target, running_sshd

MODES = ("attached", "durable")
DATABASES = ("sqlite", "postgresql")
COLUMNS = ("what", "way", "samples", "p50 ms", "p99 ms", "p50 over ssh ms", "p99 over ssh ms")
RATES = (10, 200)
PRINTER = """
import random, sys, time
writes, rate = int(sys.argv[1]), int(sys.argv[2])
dice = random.Random(1)
time.sleep(0.5)
for _ in range(writes):
    sys.stdout.write(f"{time.monotonic_ns()}\\n")
    sys.stdout.flush()
    time.sleep(dice.uniform(0.5, 1.5) / rate)
"""
CREATE_TASK = """mutation ($server: ID!, $name: String!) {
  createTask(input: {serverId: $server, name: $name, command: "echo hello; sleep 0.2", cronExpr: "@manual"}) {
    task { id } errors { code message }
  }
}"""
RUN_TASK = """mutation ($task: ID!) { runTask(input: {taskId: $task}) { execution { id } errors { code message } } }"""

Delays = list[float]


@dataclass(slots=True)
class Bench:
    """What all rows share. `of_ssh` has the p50 and p99 of plain ssh for each thing that is measured."""

    given: Namespace
    table: report.Report
    target: Target
    script: Path
    of_ssh: dict[str, tuple[float, float]] = field(default_factory=dict)
    names: Iterator[int] = field(default_factory=itertools.count)

    def note(self, what: str, way: str, delays: Delays) -> None:
        ordered = sorted(delays)
        p50, p99 = (ordered[int((len(ordered) - 1) * share)] for share in (0.5, 0.99))
        ssh = self.of_ssh.setdefault(what, (p50, p99))
        self.table.add(
            what=what,
            way=way,
            samples=len(delays),
            p50_ms=p50,
            p99_ms=p99,
            p50_over_ssh_ms=p50 - ssh[0],
            p99_over_ssh_ms=p99 - ssh[1],
        )

    def build_printer(self, rate: int) -> str:
        return f"{sys.executable} {self.script} {int(rate * self.given.seconds)} {rate}"


@dataclass(slots=True)
class Lines:
    """Collects the delay of each line in ms."""

    delays: Delays = field(default_factory=list)
    _rest: bytes = b""

    def take(self, data: bytes) -> None:
        now = time.monotonic_ns()
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.delays += [(now - int(line)) / 1e6 for line in lines]


async def measure_ssh(bench: Bench, folder: Path) -> None:
    with peer_ssh.running_master(folder, bench.target) as warm:
        for rate in RATES:
            lines = Lines()
            await _read(warm, bench.build_printer(rate), lines.take)
            bench.note(_name_live(rate), "ssh", lines.delays)
        ways = {"warm": warm, "cold": peer_ssh.build_command(folder, bench.target)}
        for what, command in ways.items():
            found = [await _await_first(command) for _ in range(bench.given.starts)]
            bench.note(f"first byte, {what}", "ssh", found)


async def _read(command: list[str], text: str, take: Callable[[bytes], None]) -> None:
    process = await asyncio.create_subprocess_exec(*command, text, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    while data := await process.stdout.read(65536):
        take(data)
    if await process.wait():
        raise RunFailed("ssh failed")


async def _await_first(command: list[str]) -> float:
    begun, found = time.perf_counter(), []
    await _read(command, "echo hello; sleep 0.2", lambda _: found.append(time.perf_counter() - begun))
    return found[0] * 1000


async def measure_service(bench: Bench, service: BenchService, database: str) -> None:
    for mode in MODES:
        way = f"sshcast, {mode}, {database}"
        server = await _add_server(bench, service, mode)
        await following.run(service, server, "true", wait=20)
        for rate in RATES:
            lines = Lines()
            id = await following.run(service, server, bench.build_printer(rate))
            await following.follow_socket(service, id, lines.take)
            bench.note(_name_live(rate), way, lines.delays)
        task = await _create_task(bench, service, server)
        await _await_first_of_task(service, task)
        warm = [await _await_first_of_task(service, task) for _ in range(bench.given.starts)]
        bench.note("first byte, warm", way, warm)
        cold = []
        for _ in range(bench.given.starts):
            task = await _create_task(bench, service, await _add_server(bench, service, mode))
            cold.append(await _await_first_of_task(service, task))
        bench.note("first byte, cold", way, cold)


async def _await_first_of_task(service: BenchService, task: str) -> float:
    client, found = service.client(), []
    async with following.open_socket(service) as socket:
        await client.request("GET", "/healthz")  # the connection is open
        begun = time.perf_counter()
        payload = (await service.graphql(client, RUN_TASK, task=task))["runTask"]
        if payload["errors"]:
            raise RunFailed(str(payload))
        await following.follow_on(
            socket, payload["execution"]["id"], lambda _: found.append(time.perf_counter() - begun)
        )
    await client.close()
    return found[0] * 1000


async def _add_server(bench: Bench, service: BenchService, mode: str) -> str:
    client = service.client()
    try:
        return await service.add_server(client, bench.target, run_mode=mode.upper())
    finally:
        await client.close()


async def _create_task(bench: Bench, service: BenchService, server: str) -> str:
    client = service.client()
    payload = (await service.graphql(client, CREATE_TASK, server=server, name=f"task {next(bench.names)}"))[
        "createTask"
    ]
    await client.close()
    if payload["errors"]:
        raise RunFailed(str(payload))
    return str(payload["task"]["id"])


def _name_live(rate: int) -> str:
    return f"live, {rate} writes/s"


def measure(given: Namespace, folder: Path) -> report.Report:
    def make(name: str) -> Path:
        (made := folder / name).mkdir()
        return made

    table = report.Report("Latency of output", COLUMNS)
    (script := folder / "printer.py").write_text(PRINTER)
    with running_sshd(make("sshd")) as target:
        bench = Bench(given, table, target, script)
        asyncio.run(measure_ssh(bench, make("ssh")))
        for database in given.database or DATABASES:
            with ExitStack() as held:
                postgres = None if database == "sqlite" else held.enter_context(running_postgres(make("postgres")))
                url = None if postgres is None else postgres.url("postgres")
                service = held.enter_context(running_service(make(database), database=url))
                asyncio.run(measure_service(bench, service, database))
    return table


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a command prints (default: %(default)s)")
    parser.add_argument("--starts", type=int, default=20, help="runs for each first byte (default: %(default)s)")
    parser.add_argument("--database", action="append", choices=DATABASES, help="only this one; may be repeated")
    report.add_arguments(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = measure(given, Path(folder))
    report.publish(given, table)


if __name__ == "__main__":
    main()
