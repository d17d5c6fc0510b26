"""What a durable run costs beside an attached one: python -m bench.durable [RUNS]

Both on one machine against one OpenSSH, in turn: first over SSH alone (bench/channel.py), then through the real runner
and a real SQLite database. CPU of ours is this process's. Ratios are durable / attached. Let the machine be idle.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import channel
from db.migrate import migrate
from db.store import open_store
from db.values import Mode
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.targets import running_sshd

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
MEGABYTES = 200
CHANNELS = {Mode.ATTACHED: channel.attached, Mode.DURABLE: channel.durable}
Figures = dict[str, float]


async def short_runs(rig: Rig, server: int) -> Figures:
    """One after the other: a command that prints a line."""
    walls = []
    cpu = time.process_time()
    for _ in range(RUNS):
        begun = time.perf_counter()
        await rig.ran(server, "echo hello")
        walls.append(time.perf_counter() - begun)
    await asyncio.sleep(1)
    return {
        "wall of a short run, ms (median)": statistics.median(walls) * 1000,
        "CPU of ours a run, ms": (time.process_time() - cpu) / RUNS * 1000,
    }


async def first_byte(rig: Rig, server: int) -> Figures:
    waits = []
    for _ in range(max(5, RUNS // 10)):
        begun = time.perf_counter()
        id = await rig.pending(server, "echo hello; sleep 0.5")
        await rig.printed(id)
        waits.append(time.perf_counter() - begun)
        await rig.ended(id)
    return {"first byte stored, from the request, ms (median)": statistics.median(waits) * 1000}


async def throughput(rig: Rig, server: int) -> Figures:
    begun = time.perf_counter()
    row = await rig.ran(server, f"head -c {MEGABYTES}000000 /dev/zero", output_limit=10**10, timeout_seconds=300)
    assert row.stdout_bytes == MEGABYTES * 10**6
    return {"output stored, MB/s": MEGABYTES / (time.perf_counter() - begun)}


async def many_at_once(rig: Rig, server: int) -> Figures:
    begun = time.perf_counter()
    await asyncio.gather(*(rig.ran(server, "echo hello") for _ in range(RUNS)))
    return {"short runs a second, 20 at once": RUNS / (time.perf_counter() - begun)}


PARTS: tuple[Callable[[Rig, int], Awaitable[Figures]], ...] = (short_runs, first_byte, throughput, many_at_once)


async def measured(folder: Path) -> dict[Mode, Figures]:
    found: dict[Mode, Figures] = {
        mode: await channel.measured(folder / mode, way, RUNS) for mode, way in CHANNELS.items()
    }
    store = await open_store(f"sqlite:///{folder / 'bench.db'}")
    await migrate(store)
    with running_sshd(folder) as target:
        async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as rig:
            servers = {mode: await rig.server(target, name=mode, run_mode=mode) for mode in found}
            for part in PARTS:
                for mode, server in servers.items():
                    await rig.ran(server, "true")
                    found[mode] |= await part(rig, server)
    await store.close()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(Path(folder)))
    table = Table("figure", "attached", "durable", "ratio")
    for name, value in found[Mode.ATTACHED].items():
        other = found[Mode.DURABLE][name]
        table.add_row(name, f"{value:.1f}", f"{other:.1f}", f"{other / value:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
