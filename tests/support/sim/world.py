"""One run of the simulation: a plan of programs and faults goes in, what broke a promise comes out."""

import asyncio
import random
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, select

from db import executions, rows, transitions
from db.models import TaskExecution
from db.store import StoreUnavailable
from db.values import Mode, State
from runner.execution.attached_run import AttachedRun
from runner.execution.durable_run import DurableRun
from runner.ssh.attempts import RetryPolicy
from tests.support import runs as made
from tests.support.rig import Rig, Wanted
from tests.support.sim import clock, judge
from tests.support.sim.link import STALL_SECONDS, connect
from tests.support.sim.store import Access, Database, away
from tests.support.sim.target import Program, Script, Target
from tests.support.targets import Target as Machine

MACHINE = Machine("simulated", 22, "ssh-ed25519 AAAA", "key", Path("/"))
TABLE = rows.get_table(TaskExecution)
LIVENESS_SECONDS = 3 * 3600.0
LONGEST_SECONDS = 10 * LIVENESS_SECONDS

Fault = Literal["cut", "refuses", "hangs", "away", "crash", "zombie", "drain", "cancel"]


@dataclass(frozen=True)
class Run:
    """One execution that is asked for."""

    script: Script
    mode: Mode = Mode.ATTACHED
    at: float = 0.0
    timeout_seconds: int = 60
    output_limit: int = 1_000_000


@dataclass(frozen=True)
class Event:
    """At a time something goes wrong, for so many seconds; a cancel is of the run with number `which`."""

    at: float
    kind: Fault
    seconds: float = 1.0
    which: int = 0


@dataclass(frozen=True)
class Plan:
    """`calls` and `uses`: what goes wrong at the n-th use of the database and of the network."""

    runs: tuple[Run, ...]
    events: tuple[Event, ...] = ()
    calls: dict[int, str] = field(default_factory=dict)
    uses: dict[int, str] = field(default_factory=dict)
    slots: int = 4
    max_parallel: int = 3


class Runner:
    """One life of a runner, with a way to the database of its own."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.away_until = 0.0
        self.is_over = False
        self.access = Access(world.database, self.before, self.after)
        self.rig = Rig(
            Wanted(
                store=self.access,
                connect=partial(connect, world.target),
                slots=world.plan.slots,
                retry_policy=RetryPolicy(),
                ways={Mode.ATTACHED: AttachedRun, Mode.DURABLE: DurableRun},
                name=name,
                clock=clock.now,
            )
        )

    async def start(self) -> None:
        self.rig.writer.start()
        adopted = False
        while not adopted and not self.is_over:
            try:
                await self.rig.dispatcher.adopt()
                adopted = True
            except StoreUnavailable:
                await asyncio.sleep(0.5)
        if self.is_over:  # killed, or told to stop, while it started
            return
        self.rig.dispatcher.start()
        self.rig.cancels.start()

    async def crash(self) -> None:
        """As kill -9: what it had under way at the database may or may not be committed, and is never answered."""
        self.access.dead = True
        await self.stop(0.0)

    async def stop(self, seconds: float) -> None:
        self.is_over = True
        if self.access.dead:
            for task in self.rig.dispatcher._tasks.values():
                task.cancel()
        await self.rig.dispatcher.drain(seconds)
        await self.rig.cancels.stop()
        await self.rig.writer.stop()
        await self.rig.pool.close()
        await self.access.close()

    async def before(self, unit: str) -> None:
        world = self.world
        world.calls += 1
        fault = world.plan.calls.get(world.calls)
        if fault == "slow":
            await asyncio.sleep(2.0)
        if fault == "before" or world.now < self.away_until:
            raise away()
        self.lost = fault == "after"

    async def after(self, unit: str) -> None:
        if self.lost:
            self.lost = False
            raise away()


class World:
    """The database, the target and the runners of one plan."""

    def __init__(self, plan: Plan, template: Path) -> None:
        self.plan = plan
        self.database = Database(template)
        self.database.watch = self.witness
        self.target = Target()
        self.target.obstacle = lambda use: plan.uses.get(use)
        self.calls = 0
        self.lives = 0
        self.runner: Runner | None = None
        self.zombies: list[Runner] = []
        self.ids: dict[int, int] = {}
        self.finals: dict[int, Any] = {}
        self.states: dict[int, str] = {}
        self.history: list[tuple[float, int, str]] = []
        self.broken: list[str] = []

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def play(self) -> list[str]:
        """Every promise that was broken."""
        server = await made.server(self.database, MACHINE, max_parallel=self.plan.max_parallel)
        await self.new_life()
        async with asyncio.TaskGroup() as group:
            for number, run in enumerate(self.plan.runs):
                group.create_task(self.ask(server, number, run), name=f"run {number}")
            for event in self.plan.events:
                group.create_task(self.happen(event), name=event.kind)
        await self.heal()
        await self.all_final()
        if "hang" in self.plan.uses.values():
            await asyncio.sleep(2 * STALL_SECONDS)  # what was under way comes late, and must start nothing
        for runner in (self.runner, *self.zombies):
            assert runner is not None
            await runner.stop(0.0)
        await self.judged()
        await self.database.close()
        return self.broken

    async def ask(self, server: int, number: int, run: Run) -> None:
        await asyncio.sleep(run.at)
        limits: dict[str, Any] = {"timeout_seconds": run.timeout_seconds, "output_limit": run.output_limit}
        self.target.programs[number] = Program(run.script)
        self.ids[number] = await made.pending(self.database, server, f"program-{number}", mode=run.mode, **limits)

    async def happen(self, event: Event) -> None:
        await asyncio.sleep(event.at)
        await getattr(self, event.kind)(event)

    async def cut(self, event: Event) -> None:
        self.target.cut()

    async def refuses(self, event: Event) -> None:
        self.target.cut()
        self.target.mode = "refuses"
        await asyncio.sleep(event.seconds)
        self.target.mode = "up"

    async def hangs(self, event: Event) -> None:
        self.target.mode = "hangs"
        await asyncio.sleep(event.seconds)
        self.target.mode = "up"

    async def away(self, event: Event) -> None:
        if self.runner is not None:
            self.runner.away_until = self.now + event.seconds

    async def crash(self, event: Event) -> None:
        runner, self.runner = self.runner, None
        if runner is not None:
            await runner.crash()
            await asyncio.sleep(event.seconds)
            await self.new_life()

    async def drain(self, event: Event) -> None:
        runner, self.runner = self.runner, None
        if runner is not None:
            await runner.stop(event.seconds)
            await self.new_life()

    async def zombie(self, event: Event) -> None:
        """The runner is cut off from the database and taken for dead; it comes back while another does its work."""
        runner, self.runner = self.runner, None
        if runner is not None:
            runner.away_until = self.now + event.seconds
            await runner.rig.dispatcher.stop()
            self.zombies.append(runner)
            await self.new_life()

    async def cancel(self, event: Event) -> None:
        id = self.ids.get(event.which % len(self.plan.runs))
        if id is not None:
            await self.database.run(transitions.request_cancel, id, clock.now())

    async def new_life(self) -> None:
        self.lives += 1
        self.runner = Runner(self, f"runner-{self.lives}")
        await self.runner.start()

    async def heal(self) -> None:
        self.target.mode = "up"
        for runner in (self.runner, *self.zombies):
            assert runner is not None
            runner.away_until = 0.0

    async def all_final(self) -> None:
        """The liveness phase: nothing goes wrong any more, so all must end."""
        until = self.now + LIVENESS_SECONDS
        while self.finals.keys() != set(self.ids.values()):
            if self.now > until:
                self.broken.append(f"stuck: {set(self.ids.values()) - self.finals.keys()}")
                return
            await asyncio.sleep(1.0)

    def witness(self, conn: Connection) -> None:
        """After each commit: what was final stays as it was."""
        columns = (TABLE.c.id, TABLE.c.state, TABLE.c.reason, TABLE.c.exit_code)
        for id, *rest in conn.execute(select(*columns)):
            self.known(id, rest[0])
            if id in self.finals and self.finals[id] != rest:
                self.broken.append(f"{id} was {self.finals[id]} and became {rest}")
            if State(rest[0]).is_final:
                self.finals[id] = rest

    def known(self, id: int, state: str) -> None:
        if self.states.get(id) != state:
            self.states[id] = state
            self.history.append((self.now, id, state))

    async def judged(self) -> None:
        for number, id in self.ids.items():
            row = await self.database.read(executions.by_id, id)
            output = await made.stored(self.database, id)
            self.broken += [
                f"run {number}: {fault}" for fault in judge.faults(row, self.target.programs[number], output)
            ]


def play(plan: Plan, template: Path, worlds: list["World"] | None = None) -> list[str]:
    """Run a plan in virtual time. What broke a promise, if anything. The world is appended to `worlds`."""
    random.seed(7)  # the jitter of back-offs

    async def main() -> list[str]:
        world = World(plan, template)
        if worlds is not None:
            worlds.append(world)
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await world.play()
        except TimeoutError:
            return [*world.broken, f"it has not ended after {LONGEST_SECONDS:.0f} s"]

    return clock.simulate(main())
