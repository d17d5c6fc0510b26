"""What schedules cost: `python -m bench.schedules [sqlite|postgresql]`.

1. CPU of firing one due task, with 100, 10,000 and 100,000 enabled tasks, of which 1,000 are due.
2. CPU of an idle scheduler (and of the loop that follows up) with 100,000 tasks.
3. Lateness of 1,000 tasks that are due in one second: from the slot to the committed execution.
"""

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from db.migrate import migrate
from db.models import ScheduleSlot, Task
from db.rows import get_table
from db.store import Store, open_store
from runner.bus import Bus
from runner.policy import Policy
from runner.scheduling.firing import fire_due
from runner.scheduling.follow_ups import FollowUps
from runner.scheduling.scheduler import Scheduler
from tests.support import rows
from tests.support.ledger import NOON, allowed, at
from tests.support.postgres import running

FAR = NOON + timedelta(days=300)
DUE = 1000
EXPRESSIONS = ("*/5 * * * *", "0 2 * * *", "@every 90s", "30 9 * * MON-FRI", "15 3 1,15 * *")


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory(dir=Path.home() if kind == "postgresql" else None) as folder:
        if kind == "sqlite":
            async with migrated(f"sqlite:///{folder}/sshcast.db") as store:
                yield store
            return
        os.chmod(folder, 0o755)
        with running(Path(folder)) as server:
            async with migrated(server.url("postgres")) as store:
                yield store


@asynccontextmanager
async def migrated(url: str) -> AsyncIterator[Store]:
    store = await open_store(url)
    await migrate(store)
    yield store
    await store.close()


def add(conn: Connection, count: int) -> None:
    """`count` enabled tasks, none due for long."""
    made = rows.task(conn, cron_expr="* * * * *", next_run=FAR, working_dir=None)
    values = {name: getattr(made, name) for name in get_table(Task).c.keys() if name != "id"}  # noqa: SIM118
    for start in range(1, count, 1000):
        batch = [
            values | {"next_run": FAR + timedelta(seconds=n), "cron_expr": EXPRESSIONS[n % len(EXPRESSIONS)]}
            for n in range(start, min(start + 1000, count))
        ]
        conn.execute(insert(get_table(Task)), batch)


def make_due(conn: Connection, count: int, moment: datetime) -> None:
    table = get_table(Task)
    some = select(table.c.id).order_by(table.c.id).limit(count)
    conn.execute(update(table).where(table.c.id.in_(some)).values(next_run=moment))


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def firing_cost(kind: str, count: int) -> float:
    """Microseconds of this process's CPU for one due task, the best of five rounds."""
    found = []
    async with opened(kind) as store:
        await store.run(add, count)
        due = min(DUE, count)
        for turn in range(5):
            moment = at(60 * turn)
            await store.run(make_due, due, moment)
            started, fired = cpu(), 0
            while done := (await store.run(fire_due, moment, allowed)).decided:
                fired += done
            assert fired == due, fired
            found.append((cpu() - started) / due * 1e6)
    return min(found)


async def idle_cost(kind: str, seconds: float = 20) -> float:
    """Share of one CPU that an idle scheduler takes beside 100,000 tasks."""
    async with opened(kind) as store:
        await store.run(add, 100_000)
        bus = Bus()
        loops = [
            Scheduler(bus=bus, store=store, policy=Policy.load(), clock=lambda: datetime.now(UTC)),
            FollowUps(bus=bus, store=store, clock=lambda: datetime.now(UTC)),
        ]
        await store.run(make_due, 1, datetime.now(UTC) + timedelta(days=1))
        for loop in loops:
            loop.start()
        await asyncio.sleep(1)
        started = cpu()
        await asyncio.sleep(seconds)
        used = cpu() - started
        for loop in loops:
            await loop.stop()
    return used / seconds


async def lateness(kind: str) -> list[float]:
    """Seconds from the slot to its committed execution, for 1,000 tasks due in the same second."""
    found: list[float] = []
    async with opened(kind) as store:
        await store.run(add, 10_000)
        slot = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
        await store.run(make_due, DUE, slot)
        scheduler = Scheduler(bus=Bus(), store=Timed(store, slot, found), policy=Policy.load(), clock=now)
        scheduler.start()
        while len(found) < DUE:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)
        await scheduler.stop()
        assert len(await store.read(lines)) == DUE
    return found


def now() -> datetime:
    return datetime.now(UTC)


def lines(conn: Connection) -> list[Any]:
    return list(conn.execute(select(get_table(ScheduleSlot).c.id)))


class Timed:
    """A store that notes, for each slot that a unit decided, how late it was when the unit was committed."""

    def __init__(self, store: Store, slot: datetime, found: list[float]) -> None:
        self.store, self.slot, self.found = store, slot, found
        self.dialect = store.dialect

    async def run(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        answer = await self.store.run(fn, *args, **kwargs)
        self.found += [(now() - self.slot).total_seconds()] * answer.decided
        return answer

    async def read(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return await self.store.read(fn, *args, **kwargs)

    async def read_fact(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return await self.store.read_fact(fn, *args, **kwargs)

    async def close(self) -> None:
        await self.store.close()


async def main(kind: str) -> None:
    costs = [await firing_cost(kind, count) for count in (100, 10_000, 100_000)]
    for count, cost in zip((100, 10_000, 100_000), costs, strict=True):
        print(f"{kind}: firing one due task of {count:>7,}: {cost:6.0f} us of CPU")
    print(f"{kind}: dearest / cheapest: {max(costs) / min(costs):.2f}")
    late = sorted(await lateness(kind))
    p50, p99 = statistics.median(late), late[int(len(late) * 0.99)]
    print(f"{kind}: 1,000 due in one second: late by p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    print(f"{kind}: idle beside 100,000 tasks: {await idle_cost(kind) * 100:.3f} % of one CPU")


if __name__ == "__main__":
    started = time.monotonic()
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sqlite"))
    print(f"took {time.monotonic() - started:.0f} s")
