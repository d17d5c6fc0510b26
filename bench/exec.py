"""What a run costs, from `runCommand(wait: 20)` over HTTP to its final state, beside other ways: python -m bench.exec

Every way runs `echo hello` on the same OpenSSH servers on this machine, and every run's output is checked. Ours is one
request a run on kept connections; its output is read from the database once the CPU is counted. bench/README.md tells
what the columns mean.
"""

import asyncio
import signal
import subprocess
import tempfile
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import peers, report
from bench.http_client import HttpClient
from bench.load import COMMAND, PRINTED, Figures, Load, drive, settle
from bench.peers import Peers
from bench.processes import sum_cpu_seconds
from bench.service import BenchService, running_postgres, running_service
from db.store import Store, open_store
from tests.support import runs
from tests.support.postgres import Postgres
from tests.support.targets import Target, running_sshd

TARGETS = 10
PEER_SECONDS = 5.0
COLUMNS = (
    "way",
    "at once",
    "targets",
    "runs",
    "runs/s",
    "CPU ms a run",
    "share of ssh CPU",
    "database CPU ms a run",
    "p50 ms",
    "p99 ms",
)
RUN = """mutation ($server: ID!, $command: String!) {
  runCommand(input: {serverId: $server, command: $command, wait: 20}) {
    execution { id state exitCode }
    errors { code message }
  }
}"""


class RunFailed(Exception):
    """A run did not end as it should; the message has what it was."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table: a way at a load."""

    way: str
    at_once: int
    targets: int

    def load(self, runs: int, seconds: float) -> Load:
        return Load(self.at_once, self.targets, runs, seconds)


MODES = ("attached", "durable")
DATABASES = ("sqlite", "postgresql")
PEERS = ("asyncssh", "ssh", "parallel-ssh", "ansible")
EVERY_LOAD = ((1, 1), (20, 1), (1, TARGETS), (20, TARGETS))
USUAL_LOADS = {"sqlite": ((1, 1), (20, 1), (20, TARGETS)), "postgresql": ((20, 1),)}


@dataclass(slots=True)
class Bench:
    """What all rows share. `results` is in the order in which they were measured."""

    given: Namespace
    folder: Path
    targets: list[Target]
    peers: Peers | None
    results: dict[Case, Figures] = field(default_factory=dict)

    def make_folder(self, name: str) -> Path:
        made = self.folder / name
        made.mkdir()
        return made

    def loads(self, database: str | None = None) -> list[tuple[int, int]]:
        """How many at once, and on how many targets: the usual ones, where the command line does not say."""
        usual = EVERY_LOAD if self.given.all else USUAL_LOADS.get(database or "", EVERY_LOAD[:2])
        at_once, targets = self.given.at_once, self.given.targets
        return list(dict.fromkeys((at_once or each[0], targets or each[1]) for each in usual))

    def measure_service(self, database: str) -> None:
        with ExitStack() as held:
            postgres = None
            if database == "postgresql":
                postgres = held.enter_context(running_postgres(self.make_folder("postgres")))
            url = None if postgres is None else postgres.url("postgres")
            folder = self.make_folder(database)
            service = held.enter_context(running_service(folder, database=url))
            if self.given.profile is not None and self.peers is not None:
                held.enter_context(_profiling(self.peers, service.pid, self.given.profile))
            ours = Ours(service, url or f"sqlite:///{folder}/data/sshcast.db", postgres, self.targets)
            for mode in self.given.mode or MODES:
                for at_once, targets in self.loads(database):
                    case = Case(f"sshcast, {mode}, {database}", at_once, targets)
                    figures = asyncio.run(ours.measure(mode, case.load(self.given.runs, self.given.seconds)))
                    self.note(case, figures)

    def measure_peers(self) -> None:
        for name in PEERS:
            for at_once, targets in self.loads():
                case = Case(name, at_once, targets)
                self.note(case, self.measure_peer(name, case.load(self.given.runs, PEER_SECONDS)))

    def measure_peer(self, name: str, load: Load) -> Figures:
        targets = self.targets[: load.targets]
        assert self.peers is not None
        if name == "asyncssh":
            return asyncio.run(peers.measure_asyncssh(targets, load))
        if name == "parallel-ssh":
            return peers.measure_parallel_ssh(self.peers, targets, load)
        with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
            if name == "ssh":
                return asyncio.run(peers.measure_ssh(targets, load, Path(folder)))
            return peers.measure_ansible(self.peers, targets, load, Path(folder))

    def note(self, case: Case, figures: Figures) -> None:
        self.results[case] = figures
        print(f"{case.way}, {case.at_once} at once, {case.targets} targets: {figures.cpu_ms:.2f} ms CPU", flush=True)


@dataclass(slots=True)
class Ours:
    """The service under load; `url` is its database, in which the output is looked at."""

    service: BenchService
    url: str
    postgres: Postgres | None
    targets: list[Target]

    async def measure(self, mode: str, load: Load) -> Figures:
        client, ids = self.service.client(), []
        servers = [
            await self.service.add_server(client, target, run_mode=mode.upper())
            for target in self.targets[: load.targets]
        ]

        async def run(number: int) -> None:
            ids.append(await _run_once(self.service, client, servers[number % len(servers)]))

        before = await self._count_database_cpu()
        figures = await drive(run, load, self.service.cpu_seconds)
        database = None if before is None else (await self._count_database_cpu() or 0) - before
        await client.close()
        await self._check_outputs(ids)
        counted = None if database is None else database * len(figures.latencies) / len(ids)  # the warm-up is in it
        return Figures(figures.latencies, figures.seconds, figures.cpu, counted)

    async def _count_database_cpu(self) -> float | None:
        """Seconds of PostgreSQL's processes so far."""
        if self.postgres is None:
            return None
        return await settle(partial(sum_cpu_seconds, self.postgres.process.pid))

    async def _check_outputs(self, ids: Sequence[int]) -> None:
        store: Store = await open_store(self.url)
        for id in ids:
            if (printed := await runs.stored(store, id)) != (PRINTED, b""):
                raise RunFailed(f"execution {id} has the output {printed}")
        await store.close()


async def _run_once(service: BenchService, client: HttpClient, server: str) -> int:
    """The id of a run that has succeeded."""
    payload = (await service.graphql(client, RUN, server=server, command=COMMAND))["runCommand"]
    execution = payload["execution"]
    if payload["errors"] or (execution["state"], execution["exitCode"]) != ("SUCCESS", 0):
        raise RunFailed(str(payload))
    return int(execution["id"])


@contextmanager
def _profiling(found: Peers, pid: int, path: Path) -> Iterator[None]:
    """py-spy beside the service: stacks and their counts, or a flame graph for a name that ends in `.svg`."""
    kind = "flamegraph" if path.suffix == ".svg" else "raw"
    options = ["-f", kind, "-r", "200", "-d", "86400", "-o", str(path), "-p", str(pid)]
    process = subprocess.Popen([found.program("py-spy"), "record", *options], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _build_report(results: dict[Case, Figures]) -> report.Report:
    table = report.Report(f"One run of `{COMMAND}`", COLUMNS)
    for case, figures in results.items():
        ssh = results.get(Case("ssh", case.at_once, case.targets)) or results.get(Case("ssh", case.at_once, 1))
        table.add(
            way=case.way,
            at_once=case.at_once,
            targets=case.targets,
            runs=len(figures.latencies),
            runs_s=figures.per_second,
            cpu_ms_a_run=figures.cpu_ms,
            share_of_ssh_cpu=None if ssh is None else figures.cpu_ms / ssh.cpu_ms,
            database_cpu_ms_a_run=figures.database_cpu_ms,
            p50_ms=figures.percentile_ms(0.5),
            p99_ms=figures.percentile_ms(0.99),
        )
    return table


def parse(arguments: Sequence[str] | None = None) -> Namespace:
    parser = ArgumentParser("bench.exec", description="What a run costs, beside other ways to run a command over SSH.")
    report.add_arguments(parser)
    parser.add_argument("--runs", type=int, default=500, help="runs a row (500)")
    parser.add_argument("--seconds", type=float, default=20.0, help="no run of a row is begun after so many (20)")
    parser.add_argument("--all", action="store_true", help="every combination, which takes longer")
    parser.add_argument("--mode", action="append", choices=MODES, help="only this mode")
    parser.add_argument("--database", action="append", choices=DATABASES, help="only this database")
    parser.add_argument("--at-once", type=int, help="so many runs at once instead")
    parser.add_argument("--targets", type=int, help="so many targets instead")
    parser.add_argument("--peers", action=BooleanOptionalAction, default=True, help="measure the other ways as well")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="py-spy's stacks of the service: for one database")
    given = parser.parse_args(arguments)
    if given.profile is not None and len(given.database or DATABASES) != 1:
        parser.error("--profile is of one service: give one --database as well")
    return given


def main(given: Namespace) -> None:
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        found = Peers.install() if given.peers or given.profile else None
        bench = Bench(given, folder, [], found)
        count = TARGETS if given.targets is None else given.targets
        for number in range(count):
            bench.targets.append(held.enter_context(running_sshd(bench.make_folder(f"target{number}"))))
        databases = given.database or DATABASES
        steps: list[Callable[[], None]] = [partial(bench.measure_service, each) for each in databases]
        if given.peers:
            steps.insert(1, bench.measure_peers)  # in the middle: what the machine is like changes
        try:
            for step in steps:
                step()
        finally:  # what was measured is told, whatever went wrong later
            report.publish(given, _build_report(bench.results))


if __name__ == "__main__":
    main(parse())
