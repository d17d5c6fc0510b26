"""Claims pending executions for the free slots, and drives each in a task of its own."""

import asyncio

import structlog

from db import transitions
from db.models import TaskExecution
from runner.bus import CANCELS, EXECUTIONS, PENDING, Bus, execution_address
from runner.execution import Drive, Parts, Way
from runner.loop import Loop

log = structlog.get_logger()


class Dispatcher(Loop):
    """The claim loop. The database decides which rows are ours; a hint only makes us look sooner."""

    name = "dispatcher"
    address = PENDING

    def __init__(self, *, bus: Bus, parts: Parts, runner_id: str, slots: int, ways: dict[str, Way]) -> None:
        super().__init__(bus=bus)
        self.parts = parts
        self.runner_id = runner_id
        self.slots = slots
        self.ways = ways
        self.drives: dict[int, Drive] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def adopt(self) -> int:
        """Take over what another process left running. Returns how many."""
        rows = await self.parts.store.run(transitions.adopt, runner_id=self.runner_id)
        for row in rows:
            self._drive(row)
        return len(rows)

    async def tick(self) -> float:
        free = self.slots - len(self.drives)
        if free <= 0:
            return self.poll_seconds
        rows = await self.parts.store.run(
            transitions.claim, runner_id=self.runner_id, at=self.parts.clock(), limit=free
        )
        for row in rows:
            self._drive(row)
        if rows:
            self.bus.hint(EXECUTIONS, *(execution_address(row.id) for row in rows))
        return self.poll_seconds

    def cancel(self, execution_id: int) -> None:
        drive = self.drives.get(execution_id)
        if drive is not None:
            drive.cancelled.set()

    async def drain(self, seconds: float) -> None:
        """Stop claiming; give attached runs `seconds` to end. Durable ones are left to the next runner."""
        await self.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _drive(self, row: TaskExecution) -> None:
        drive = Drive.of(self.parts, row, self.ways)
        self.drives[row.id] = drive
        task = asyncio.create_task(drive.run(), name=f"execution {row.id}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(row.id, done))

    def _ended(self, execution_id: int, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self.drives.pop(execution_id, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("an execution's driver failed", execution=execution_id, exc_info=task.exception())
        self.bus.hint(PENDING)


class Cancels(Loop):
    """Passes cancel requests from the rows to the drives."""

    name = "cancels"
    address = CANCELS

    def __init__(self, *, bus: Bus, dispatcher: Dispatcher) -> None:
        super().__init__(bus=bus)
        self.dispatcher = dispatcher

    async def tick(self) -> float:
        if self.dispatcher.drives:
            store = self.dispatcher.parts.store
            for id in await store.read(transitions.cancel_requested, self.dispatcher.runner_id):
                self.dispatcher.cancel(id)
        return self.poll_seconds
