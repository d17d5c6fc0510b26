"""A runner on a real store and real SSH servers, without the faces: rows go in, and ended rows come out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any

from db import executions, transitions
from db.models import TaskExecution
from db.store import Store
from db.values import Mode, State
from runner.bus import CANCELS, PENDING, Bus, execution_address
from runner.execution.attached_run import AttachedRun
from runner.execution.dispatcher import CancelRelay, Dispatcher
from runner.execution.drive import RunStrategy
from runner.execution.durable_run import DurableRun
from runner.execution.parts import Parts
from runner.output.writer import OutputWriter
from runner.policy import Policy
from runner.ssh.attempts import RetryPolicy
from runner.ssh.client import ConnectTimeouts, Endpoint, ServerConnection, connect
from runner.ssh.pool import Pool
from tests.support import runs
from tests.support.targets import Target

QUICK = ConnectTimeouts(connect=1.0, login=1.0, channel=5.0)
WAYS: dict[str, RunStrategy] = {Mode.ATTACHED: AttachedRun}
BOTH_WAYS: dict[str, RunStrategy] = {Mode.ATTACHED: AttachedRun, Mode.DURABLE: DurableRun}
FINAL = tuple(state for state in State if state.is_final)


async def quick_connect(endpoint: Endpoint) -> ServerConnection:
    return await connect(endpoint, timeouts=QUICK)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a test may choose; the rest is the real thing."""

    store: Store
    connect: Callable[[Endpoint], Any] = quick_connect
    slots: int = 50
    retry_policy: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=2, first_pause=0.02))
    start_seconds: float = 5.0
    policy: Policy = field(default_factory=cache(Policy.load))
    ways: dict[str, RunStrategy] = field(default_factory=lambda: WAYS)
    spool_limit: int = 1024**3
    name: str = "runner-1"
    clock: Callable[[], datetime] = runs.now


class Rig:
    """A runner that is not started yet."""

    def __init__(self, wanted: Wanted) -> None:
        self.store = wanted.store
        self.bus = Bus()
        through = partial(connect, timeouts=QUICK)
        self.pool = Pool(wanted.connect, connect_through=through, start_seconds=wanted.start_seconds)
        self.writer = OutputWriter(store=wanted.store, bus=self.bus, clock=wanted.clock)
        self.parts = Parts(
            store=wanted.store,
            bus=self.bus,
            pool=self.pool,
            writer=self.writer,
            vault=runs.VAULT,
            policy=wanted.policy,
            clock=wanted.clock,
            spool_limit=wanted.spool_limit,
            retry_policy=wanted.retry_policy,
        )
        self.dispatcher = Dispatcher(
            bus=self.bus, parts=self.parts, runner_id=wanted.name, slots=wanted.slots, ways=wanted.ways
        )
        self.cancels = CancelRelay(bus=self.bus, dispatcher=self.dispatcher)

    async def server(self, target: Target, **changes: Any) -> int:
        return await runs.server(self.store, target, **changes)

    async def pending(self, server_id: int, command: str, **changes: Any) -> int:
        id = await runs.pending(self.store, server_id, command, **changes)
        self.bus.hint(PENDING)
        return id

    async def row(self, id: int) -> TaskExecution:
        found = await self.store.read(executions.by_id, id)
        assert found is not None
        return found

    async def reaches(self, id: int, *states: State, seconds: float = 30) -> TaskExecution:
        """The execution's row, once it is in one of `states`. Fails after `seconds`."""
        async with asyncio.timeout(seconds):
            with self.bus.watch(execution_address(id)) as watch:
                while (row := await self.row(id)).state not in states:
                    await watch.wait(0.1)
                    watch.clear()
        return row

    async def ended(self, id: int, *, seconds: float = 30) -> TaskExecution:
        return await self.reaches(id, *FINAL, seconds=seconds)

    async def ran(self, server_id: int, command: str, **changes: Any) -> TaskExecution:
        """The row of a run that has ended."""
        return await self.ended(await self.pending(server_id, command, **changes))

    async def printed(self, id: int, *, at_least: int = 1) -> bytes:
        """What is stored of stdout, once it is `at_least` so many bytes. Fails after 30 s."""
        async with asyncio.timeout(30):
            with self.bus.watch(execution_address(id)) as watch:
                while len(stdout := (await self.output(id))[0]) < at_least:
                    await watch.wait(0.1)
                    watch.clear()
        return stdout

    async def noted(self, id: int) -> None:
        """Return once the run may have begun on its target. Fails after 30 s."""
        async with asyncio.timeout(30):
            with self.bus.watch(execution_address(id)) as watch:
                while (await self.row(id)).remote is None:
                    await watch.wait(0.02)

    async def output(self, id: int) -> tuple[bytes, bytes]:
        return await runs.stored(self.store, id)

    async def cancel(self, id: int) -> str:
        outcome = await self.store.run(transitions.request_cancel, id, runs.now())
        self.bus.hint(CANCELS)
        return outcome


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    """The runner at work until the block ends, then drained."""
    rig.writer.start()
    await rig.dispatcher.adopt()
    rig.dispatcher.start()
    rig.cancels.start()
    try:
        yield rig
    finally:
        await rig.dispatcher.drain(0)
        await rig.cancels.stop()
        await rig.writer.stop()
        await rig.pool.close()


def rig_on(store: Store, name: str = "runner-1") -> Rig:
    """A runner, not started yet, that runs commands in both ways."""
    return Rig(Wanted(store=store, ways=BOTH_WAYS, name=name))
