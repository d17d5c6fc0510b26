"""MB/s stored, and MB/s streamed to one subscriber, beside `ssh host cat file > file`: python -m bench.output

All on one machine, against one OpenSSH, with the cipher that ours prefers. The file is text, each run's
bytes are checked. `stored` counts from the request to the final state; a stream from the request to the last byte at
the subscriber, which follows from the beginning of the run.
"""

import asyncio
import hashlib
import os
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import following, peer_ssh, report
from bench.service import BenchService, running_postgres, running_service
from tests.support.targets import Target, running_sshd

MODES = ("attached", "durable")
DATABASES = ("sqlite", "postgresql")
COLUMNS = ("way", "MB", "seconds", "MB/s", "of ssh > file", "CPU s", "CPU ms a MB")
WAIT_SECONDS = 60.0


@dataclass(slots=True)
class Bench:
    """What all rows share. `of_ssh` is the MB/s of `ssh host cat file > file`, once it was measured."""

    table: report.Report
    target: Target
    source: Path
    of_ssh: float = 0.0

    @property
    def size(self) -> int:
        return self.source.stat().st_size

    def note(self, way: str, seconds: float, cpu: float | None = None) -> None:
        speed = self.size / 1e6 / seconds
        self.of_ssh = self.of_ssh or speed
        self.table.add(
            way=way,
            mb=self.size / 1e6,
            seconds=seconds,
            mb_s=speed,
            of_ssh_file=speed / self.of_ssh,
            cpu_s=cpu,
            cpu_ms_a_mb=None if cpu is None else cpu * 1e9 / self.size,
        )


def measure_ssh(bench: Bench, folder: Path, repeats: int) -> None:
    taken = []
    with peer_ssh.running_master(folder, bench.target) as ssh:
        for _ in range(repeats):
            begun = time.perf_counter()
            with (folder / "copy").open("wb") as copy:
                subprocess.run([*ssh, f"cat {bench.source}"], stdout=copy, check=True)
            taken.append(time.perf_counter() - begun)
            if (folder / "copy").stat().st_size != bench.size:
                raise following.RunFailed("ssh lost bytes")
    bench.note("ssh > file", min(taken))


async def measure_service(bench: Bench, service: BenchService, database: str, ways: list[str]) -> None:
    client = service.client()
    for mode in MODES:
        server = await service.add_server(client, bench.target, run_mode=mode.upper())
        await following.run(service, server, "true", wait=WAIT_SECONDS)
        for way in ways:
            cpu, begun = service.cpu_seconds(), time.perf_counter()
            await _measure_way(bench, service, server, way)
            seconds = time.perf_counter() - begun
            bench.note(f"{way}; {mode}, {database}", seconds, service.cpu_seconds() - cpu)
    await client.close()


async def _measure_way(bench: Bench, service: BenchService, server: str, way: str) -> None:
    if way == "stored":
        await following.run(service, server, f"cat {bench.source}", wait=WAIT_SECONDS)
        return
    parts: list[bytes] = []
    id = await following.run(service, server, f"cat {bench.source}")
    await following.WAYS[way](service, id, parts.append)
    if await asyncio.to_thread(_hash, parts) != await asyncio.to_thread(_hash, [bench.source.read_bytes()]):
        raise following.RunFailed(f"{way}: other bytes came than were written")


def _hash(parts: list[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def _write_source(path: Path, megabytes: float) -> None:
    """Lines of a log, which differ."""
    with path.open("wb") as file:
        while file.tell() < megabytes * 1e6:
            file.write(
                b"".join(b"%d %s a line of a log\n" % (number, os.urandom(20).hex().encode()) for number in range(1000))
            )


def measure(given: Namespace, folder: Path) -> report.Report:
    table = report.Report("Output, stored and streamed to one subscriber", COLUMNS)

    def make(name: str) -> Path:
        (made := folder / name).mkdir()
        return made

    with running_sshd(make("sshd"), f"Ciphers {peer_ssh.CIPHER}") as target:
        _write_source(source := folder / "source", given.megabytes)
        bench = Bench(table, target, source)
        measure_ssh(bench, make("ssh"), 3)
        for database in given.database or DATABASES:
            with ExitStack() as held:
                postgres = None if database == "sqlite" else held.enter_context(running_postgres(make("postgres")))
                url = None if postgres is None else postgres.url("postgres")
                service = held.enter_context(running_service(make(database), database=url))
                asyncio.run(measure_service(bench, service, database, given.way or ["stored", *following.WAYS]))
    return table


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=60.0, help="the size of the file (default: %(default)s)")
    parser.add_argument("--database", action="append", choices=DATABASES, help="only this one; may be repeated")
    parser.add_argument("--way", action="append", choices=["stored", *following.WAYS], help="only this; repeatable")
    report.add_arguments(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = measure(given, Path(folder))
    report.publish(given, table)


if __name__ == "__main__":
    main()
