"""Driving a load, and what came of it: any way to run one command, so many at once, timed and with its CPU."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

COMMAND = "echo hello"
PRINTED = b"hello\n"
QUIET_SECONDS = 0.2
MOST_QUIET_CHECKS = 20


@dataclass(frozen=True, slots=True)
class Load:
    """`runs` runs, `at_once` at a time, on `targets` targets in turn; none is begun after `seconds`."""

    at_once: int
    targets: int
    runs: int
    seconds: float

    @property
    def warm_up(self) -> int:
        """How many runs come before those that count: every connection is open by then."""
        return 2 * max(self.at_once, self.targets)


@dataclass(frozen=True, slots=True)
class Figures:
    """`latencies` has the seconds of each run; `cpu` and `database_cpu` are seconds of all of them together."""

    latencies: list[float]
    seconds: float
    cpu: float
    database_cpu: float | None = None

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds a run."""
        return self.cpu / len(self.latencies) * 1000

    @property
    def database_cpu_ms(self) -> float | None:
        return None if self.database_cpu is None else self.database_cpu / len(self.latencies) * 1000

    def percentile_ms(self, share: float) -> float:
        return sorted(self.latencies)[int((len(self.latencies) - 1) * share)] * 1000


RunOnce = Callable[[int], Awaitable[None]]
"""Does the run of this number, counted from 0, and checks it."""


async def drive(run: RunOnce, load: Load, cpu: Callable[[], float]) -> Figures:
    """Warm up, then the runs. `cpu` tells the seconds used so far; it counts until it hardly grows any more."""
    await _run_all(run, load, itertools.count(), load.warm_up)
    before = await settle(cpu)
    begun = time.perf_counter()
    latencies = await _run_all(run, load, itertools.count(load.warm_up), load.runs)
    seconds = time.perf_counter() - begun
    return Figures(latencies, seconds, await settle(cpu) - before)


async def settle(cpu: Callable[[], float]) -> float:
    """What `cpu` says once what was begun is over."""
    last = cpu()
    for _ in range(MOST_QUIET_CHECKS):
        await asyncio.sleep(QUIET_SECONDS)
        before, last = last, cpu()
        if last - before < QUIET_SECONDS / 10:
            break
    return last


async def _run_all(run: RunOnce, load: Load, numbers: "itertools.count[int]", count: int) -> list[float]:
    """The seconds that each run took."""
    latencies: list[float] = []
    left, until = iter(range(count)), time.perf_counter() + load.seconds

    async def work() -> None:
        while (begun := time.perf_counter()) < until and next(left, None) is not None:
            await run(next(numbers))
            latencies.append(time.perf_counter() - begun)

    async with asyncio.TaskGroup() as group:
        for _ in range(load.at_once):
            group.create_task(work())
    return latencies
