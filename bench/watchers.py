"""1, 100 and 1,000 watchers of one run that prints 5,000 lines a second: python -m bench.watchers

Each watches by GraphQL on a WebSocket of its own, from before the run prints until its end. None may lose, double or
swap a line: what each got must be what was stored, byte for byte. A line begins with its number and the monotonic
clock of this one machine; the delay is that of the oldest line of each piece. The watchers are one process, which
takes CPU from the service where there are many of them.
"""

import asyncio
import hashlib
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import following, report
from bench.following import RunFailed
from bench.service import BenchService, running_service
from tests.support.targets import Target, running_sshd

COLUMNS = (
    "watchers",
    "lines/s asked for",
    "lines/s",
    "lines each",
    "pieces each",
    "pieces/s in all",
    "delay p50 ms",
    "delay p99 ms",
    "service's CPU s",
    "CPU ms a second",
    "watchers' CPU s",
)
MOST = {"streams_per_user": "2000", "sockets_per_user": "2000"}
TEXT = "x" * 40
PRINTER = """
import sys, time
lines, rate, go = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
while True:
    try:
        open(go).close()
        break
    except OSError:
        time.sleep(0.01)
begun, sent = time.monotonic(), 0
while sent < lines:
    due = min(lines, int((time.monotonic() - begun) * rate) + 1)
    now = time.monotonic_ns()
    sys.stdout.write("".join(f"{number} {now} TEXT\\n" for number in range(sent, due)))
    sys.stdout.flush()
    sent = max(sent, due)
    time.sleep(0.002)
"""


@dataclass(slots=True)
class Watcher:
    """What one watcher got. `hash` is of all bytes, `next` the number of the line that has to come."""

    told: asyncio.Event = field(default_factory=asyncio.Event)
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    next: int = 0
    rest: bytes = b""
    delays: list[float] = field(default_factory=list)
    pieces: int = 0

    def take(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.hash.update(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.pieces += 1
        if not lines:
            return
        first = lines[0].split()
        last = lines[-1].split()
        if int(first[0]) != self.next or int(last[0]) != self.next + len(lines) - 1:
            raise RunFailed(f"line {self.next} should have come, not {first[0]!r}")
        self.next += len(lines)
        self.delays.append((now - int(first[1])) / 1e6)


async def measure(
    service: BenchService, target: Target, count: int, given: Namespace, folder: Path
) -> dict[str, float]:
    client = service.client()
    server = await service.add_server(client, target, run_mode=given.mode.upper())
    await client.close()
    script, go = folder / "printer.py", folder / f"go-{count}"
    script.write_text(PRINTER.replace("TEXT", TEXT))
    lines = given.rate * given.seconds
    id = await following.run(service, server, f"{sys.executable} {script} {lines} {given.rate} {go}")
    watchers = [Watcher() for _ in range(count)]
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(following.open_socket(service)) for _ in watchers]
        async with asyncio.TaskGroup() as group:
            for socket, watcher in zip(sockets, watchers, strict=True):
                group.create_task(following.follow_on(socket, id, watcher.take, told=watcher.told.set))
            for watcher in watchers:
                await watcher.told.wait()
            cpu, own, begun = service.cpu_seconds(), time.process_time(), time.perf_counter()
            go.touch()
        seconds = time.perf_counter() - begun
        cpu, own = service.cpu_seconds() - cpu, time.process_time() - own
    await _check(service, id, watchers, lines)
    delays = sorted(delay for watcher in watchers for delay in watcher.delays)
    pieces = sum(watcher.pieces for watcher in watchers)
    return {
        "watchers": count,
        "lines_s_asked_for": given.rate,
        "lines_s": lines / seconds,
        "lines_each": lines,
        "pieces_each": pieces / count,
        "pieces_s_in_all": pieces / seconds,
        "delay_p50_ms": delays[len(delays) // 2],
        "delay_p99_ms": delays[int(len(delays) * 0.99)],
        "service_s_cpu_s": cpu,
        "cpu_ms_a_second": cpu / seconds * 1000,
        "watchers_cpu_s": own,
    }


async def _check(service: BenchService, id: str, watchers: list[Watcher], lines: int) -> None:
    stored = hashlib.sha256()
    await following.follow_raw(service, id, stored.update)
    if {(watcher.next, watcher.hash.hexdigest()) for watcher in watchers} != {(lines, stored.hexdigest())}:
        raise RunFailed("a watcher got other bytes than were stored")


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, nargs="+", default=[1, 100, 1000], help="(default: 1 100 1000)")
    parser.add_argument("--rate", type=int, default=5000, help="lines a second (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=10, help="how long it prints (default: %(default)s)")
    parser.add_argument("--mode", choices=["attached", "durable"], default="durable")
    report.add_arguments(parser)
    given = parser.parse_args()
    table = report.Report(f"Watchers of one run that prints ({given.mode}, SQLite)", COLUMNS)
    with tempfile.TemporaryDirectory() as name:
        (sshd := Path(name) / "sshd").mkdir()
        (data := Path(name) / "service").mkdir()
        with running_sshd(sshd) as target, running_service(data, settings=MOST) as service:
            for count in given.watchers:
                table.add(**asyncio.run(measure(service, target, count, given, Path(name))))
    report.publish(given, table)


if __name__ == "__main__":
    main()
