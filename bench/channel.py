"""One command over SSH alone, without a database: attached, and through the programs for durable runs."""

import asyncio
import secrets
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from db.values import Stream
from runner.remote import program
from runner.remote.attachment import Attachment
from runner.remote.program import AttachRequest, TargetRun
from runner.remote.wire import RunStream
from runner.ssh.client import ServerConnection, connect
from runner.ssh.handshake import AnsweredShell
from runner.ssh.protocol import OnClosed, OnOutput
from tests.support.faults.sshd import Sshd
from tests.support.targets import Target, running_sshd

MEGABYTES = 400
NAMESPACE = ("unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child")
TICKS = 100


@dataclass(slots=True)
class Watch:
    """Seconds from the request to the first byte and to the end, and how many bytes came."""

    begun: float = field(default_factory=time.perf_counter)
    first: float = 0.0
    end: float = 0.0
    size: int = 0

    def take(self, stream: str, data: bytes) -> None:
        self.first = self.first or time.perf_counter() - self.begun
        self.size += len(data)

    def stop(self) -> "Watch":
        self.end = time.perf_counter() - self.begun
        return self


@dataclass(frozen=True, slots=True)
class OneConnection:
    """See `runner.ssh.protocol.ShellSource`: all on one connection, without a pool."""

    connection: ServerConnection

    async def open_shell(self, *, on_output: OnOutput, on_closed: OnClosed | None = None) -> AnsweredShell:
        shell = AnsweredShell(lambda exit: None)
        await shell.begin(self.connection, 60.0)
        shell.listen(on_output, on_closed)
        return shell


Way = Callable[[ServerConnection, str], Awaitable[Watch]]


async def attached(connection: ServerConnection, command: str) -> Watch:
    watch = Watch()
    wire = RunStream(watch.take, dict.fromkeys(Stream, 0))
    run = TargetRun(spool=f"1-{secrets.token_hex(8)}.", script=command, env={}, output_limit=10**10)
    shell = await OneConnection(connection).open_shell(on_output=wire.feed)
    await program.run(shell, program.build_attached(run, wire.nonce))
    return watch.stop()


async def durable(connection: ServerConnection, command: str) -> Watch:
    """As `runner.execution.durable_run` does it, clean-up included; the watch stops when all has come."""
    watch = Watch()
    wire = RunStream(watch.take, dict.fromkeys(Stream, 0))
    run = TargetRun(spool=f"1-{secrets.token_hex(8)}.", script=command, env={}, output_limit=10**10)
    want = AttachRequest(how="start", nonce=wire.nonce, out=0, err=0, limit=300)
    attachment = await Attachment.open(OneConnection(connection), program.build_attach(run, want), wire)
    await attachment.read(learn)
    assert wire.is_complete
    watch.stop()
    assert await attachment.clear(keep=False)
    await attachment.close()
    return watch


async def learn(wire: RunStream, following: bool) -> None:
    """Where a runner would keep who the supervisor is."""


async def measured(folder: Path, way: Way, runs: int) -> dict[str, float]:
    await asyncio.to_thread(folder.mkdir)
    with running_sshd(folder) as target:
        return await short(target, way, runs) | await long(target, way) | await processes(target, way, runs)


async def short(target: Target, way: Way, runs: int) -> dict[str, float]:
    connection = await connect(target.endpoint())
    await way(connection, "true")
    cpu, there = time.process_time(), cpu_of_sshd(target)
    watches = [await way(connection, "echo hello") for _ in range(runs)]
    cpu = time.process_time() - cpu
    await connection.close()
    return {
        "SSH alone: end of a short run, ms (median)": statistics.median(watch.end for watch in watches) * 1000,
        "SSH alone: CPU of ours a short run, ms": cpu / runs * 1000,
        "SSH alone: CPU of the target a short run, ms": (await settled(target) - there) / runs * 1000,
    }


async def long(target: Target, way: Way) -> dict[str, float]:
    connection = await connect(target.endpoint())
    firsts = [(await way(connection, "echo hello; sleep 0.2")).first for _ in range(15)]
    all = await way(connection, f"head -c {MEGABYTES}000000 /dev/zero")
    assert all.size == MEGABYTES * 10**6
    await connection.close()
    return {
        "SSH alone: first byte of a longer run, ms (median)": statistics.median(firsts) * 1000,
        "SSH alone: MB/s": MEGABYTES / all.end,
    }


async def processes(target: Target, way: Way, runs: int) -> dict[str, float]:
    """How many pids are given out, in a namespace of the target's own; nothing where this account may make none."""
    if not may_make_namespaces():
        return {}
    sshd = Sshd(target)
    sshd.kill()
    sshd.start(*NAMESPACE)
    assert sshd.process is not None
    connection = await connect(target.endpoint())
    first, second = await last_pid(connection), await last_pid(connection)
    for _ in range(runs):
        await way(connection, "echo hello")
    made = await last_pid(connection) - second - (second - first)
    await connection.close()
    sshd.process.kill()  # by its pid here: its pid file tells the one in the namespace
    sshd.process.wait()
    return {"SSH alone: processes on the target a short run": made / runs}


async def last_pid(connection: ServerConnection) -> int:
    taken = bytearray()
    process = await connection.start(
        "cat /proc/sys/kernel/ns_last_pid", on_output=lambda stream, data: taken.extend(data), stdin=b""
    )
    await process.wait()
    return int(taken)


@cache
def may_make_namespaces() -> bool:
    return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0


def cpu_of_sshd(target: Target) -> float:
    """Seconds of all processes of the connections that are over."""
    fields = Path(f"/proc/{listener(target)}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS


async def settled(target: Target) -> float:
    """Once no process of a connection is left."""
    while has_children(listener(target)):  # noqa: ASYNC110 - processes have no event
        await asyncio.sleep(0.05)
    return cpu_of_sshd(target)


def has_children(pid: str) -> bool:
    return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text().strip())


def listener(target: Target) -> str:
    return (target.folder / "pid").read_text().strip()
