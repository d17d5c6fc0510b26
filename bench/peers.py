"""Other ways to run a command over SSH, measured as `bench.exec` measures ours: CPU is that of all they start.

What is not installed here comes into an environment of its own, which is kept between runs.
"""

import asyncio
import itertools
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import asyncssh
import orjson

from bench.load import COMMAND, PRINTED, Figures, Load, drive
from bench.processes import sum_cpu_seconds
from tests.support.targets import Target

T = TypeVar("T")
PACKAGES = ("parallel-ssh==2.16.0.post1", "ansible-core==2.19.14", "py-spy==0.4.3")
SESSIONS = 8  # at once on a connection: OpenSSH refuses more than 10, and counts one that has just ended
QUIET_OPTIONS = ("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-q")
MASTER_PID = re.compile(r"pid=(\d+)")
SCRIPT = Path(__file__).with_name("parallel_ssh_peer.py")


class PeerFailed(Exception):
    """A peer did not print what its command prints; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Peers:
    """The environment of the peers that come from a registry."""

    folder: Path

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    @classmethod
    def install(cls) -> "Peers":
        """Make the environment if there is none with these versions."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sshcast-bench" / "peers"
        mark, wanted = cache / "packages", "\n".join((sys.version, *PACKAGES))
        if not mark.exists() or mark.read_text() != wanted:
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "-q", "--clear", "--python", sys.executable, str(cache)], check=True)
            subprocess.run([*uv, "pip", "install", "-q", "--python", str(cache / "bin/python"), *PACKAGES], check=True)
            mark.write_text(wanted)
        return cls(cache)


async def measure_asyncssh(targets: Sequence[Target], load: Load) -> Figures:
    """The bound: the library that the service uses, on open connections, and nothing kept."""
    async with _open_connections(targets, load) as connections:
        free = _share_out(connections)

        async def run(number: int) -> None:
            connection = await free.get()
            done = await connection.run(COMMAND, encoding=None)
            free.put_nowait(connection)
            if done.stdout != PRINTED or done.exit_status != 0:
                raise PeerFailed(repr(done))

        return await drive(run, load, time.process_time)


@asynccontextmanager
async def _open_connections(targets: Sequence[Target], load: Load) -> AsyncIterator[list[asyncssh.SSHClientConnection]]:
    connections = []
    for target, _ in _spread(targets, load):
        key = asyncssh.import_private_key(target.private_key)
        connection = await asyncssh.connect(
            target.host, target.port, config=None, known_hosts=None, username=target.username, client_keys=[key]
        )
        connections.append(connection)
    yield connections
    for connection in connections:
        connection.close()
        await connection.wait_closed()


def _spread(targets: Sequence[Target], load: Load) -> list[tuple[Target, int]]:
    """A target and a number for each connection that is needed, so that neighbours are different targets."""
    each = -(-load.at_once // (len(targets) * SESSIONS))
    return [(target, number) for number, target in itertools.product(range(each), targets)]


def _share_out(connections: Sequence[T]) -> "asyncio.Queue[T]":
    """Each connection as often as it may be used at once, in turn."""
    free: asyncio.Queue[T] = asyncio.Queue()
    for connection in [*connections] * SESSIONS:
        free.put_nowait(connection)
    return free


async def measure_ssh(targets: Sequence[Target], load: Load, folder: Path) -> Figures:
    """A process of `ssh` for each run, on connections that masters hold: CPU is that of those processes and masters."""
    with ExitStack() as held:
        masters = [held.enter_context(_running_master(*each, folder)) for each in _spread(targets, load)]
        pool = held.enter_context(ThreadPoolExecutor(load.at_once))
        free = _share_out(masters)

        async def run(number: int) -> None:
            master = await free.get()
            done = await asyncio.get_running_loop().run_in_executor(pool, _run_command, master.command)
            free.put_nowait(master)
            if done.stdout != PRINTED:
                raise PeerFailed(done.stderr.decode(errors="replace"))

        return await drive(run, load, lambda: _count_children() + sum(sum_cpu_seconds(each.pid) for each in masters))


@dataclass(frozen=True, slots=True)
class Master:
    pid: int
    command: list[str]


@contextmanager
def _running_master(target: Target, number: int, folder: Path) -> Iterator[Master]:
    path = folder / f"{target.port}-{number}"
    address = ["-p", str(target.port), "-i", str(target.folder / "user"), f"{target.username}@{target.host}"]
    control = ["ssh", *QUIET_OPTIONS, "-S", str(path)]
    process = subprocess.Popen([*control, "-M", "-N", *address], stdin=subprocess.DEVNULL)
    try:
        while subprocess.run([*control, "-O", "check", *address], capture_output=True).returncode != 0:
            time.sleep(0.05)
        yield Master(process.pid, [*control, *address, COMMAND])
    finally:
        process.terminate()
        process.wait()


def _run_command(command: list[str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)


def _count_children() -> float:
    """Seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_parallel_ssh(peers: Peers, targets: Sequence[Target], load: Load) -> Figures:
    """A greenlet with a connection of its own for each run at once; see the script, which is its process."""
    wanted = {
        "command": COMMAND,
        "printed": PRINTED.decode(),
        "at_once": load.at_once,
        "runs": load.runs,
        "seconds": load.seconds,
        "targets": [(each.host, each.port, each.username, str(each.folder / "user")) for each in targets],
    }
    done = subprocess.run([peers.program("python"), str(SCRIPT)], input=orjson.dumps(wanted), capture_output=True)
    if done.returncode != 0:
        raise PeerFailed(done.stderr.decode(errors="replace"))
    return Figures(**orjson.loads(done.stdout))


def measure_ansible(peers: Peers, targets: Sequence[Target], load: Load, folder: Path) -> Figures:
    """`ansible all -a COMMAND` with a host for each run at once, again and again; a run takes as long as its call."""
    hosts = [targets[number % len(targets)] for number in range(load.at_once)]
    sockets = folder / "cp"
    sockets.mkdir()
    lines = [
        f"host{number} ansible_host={each.host} ansible_port={each.port} ansible_user={each.username}"
        f" ansible_ssh_private_key_file={each.folder / 'user'}"
        f" ansible_control_path={sockets / f'{each.port}-{number // len(targets) // SESSIONS}'}"
        for number, each in enumerate(hosts)
    ]
    (folder / "inventory").write_text("\n".join(lines) + "\n")
    command = [peers.program("ansible"), "-i", str(folder / "inventory"), "all", "-f", "20", "-a", COMMAND]
    environment = os.environ | {
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "LC_ALL": "C.UTF-8",
    }

    def call() -> float:
        begun = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True)
        if done.stdout.splitlines().count(PRINTED.strip()) != len(hosts):
            raise PeerFailed((done.stdout + done.stderr).decode(errors="replace"))
        return time.perf_counter() - begun

    call()
    masters = _find_masters(sockets)

    def cpu() -> float:
        return _count_children() + sum(map(sum_cpu_seconds, masters))

    try:
        return _repeat(call, load, len(hosts), cpu)
    finally:
        for path in sockets.iterdir():
            subprocess.run(["ssh", "-S", str(path), "-O", "exit", "all"], capture_output=True)


def _find_masters(folder: Path) -> list[int]:
    """The pids of the connections that ansible leaves for its next call."""
    asked = [
        subprocess.run(["ssh", "-S", str(path), "-O", "check", "all"], capture_output=True, text=True)
        for path in folder.iterdir()
    ]
    return [int(found[1]) for each in asked if (found := MASTER_PID.search(each.stderr))]


def _repeat(call: Callable[[], float], load: Load, hosts: int, cpu: Callable[[], float]) -> Figures:
    begun, before = time.perf_counter(), cpu()
    latencies: list[float] = []
    while len(latencies) < load.runs and time.perf_counter() - begun < load.seconds:
        latencies += [call()] * hosts
    return Figures(latencies, time.perf_counter() - begun, cpu() - before)
