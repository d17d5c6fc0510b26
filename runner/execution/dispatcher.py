"""Claims pending executions for free slots, and drives each in a task of its own."""

import asyncio
import math
import time
from collections import Counter
from functools import partial

from db import claims, runners, transitions
from db.models import TaskExecution
from runner.bus import CANCELS, EXECUTIONS, PENDING, Bus, execution_address
from runner.execution.drive import Drive, RunStrategy
from runner.execution.parts import Parts
from runner.log import get_logger
from runner.loop import BackgroundLoop

log = get_logger()

STOP_SECONDS = 15.0
STRAYS_SECONDS = 15.0
REACHED_SECONDS = 5.0


class Dispatcher(BackgroundLoop):
    """The claim loop. A guarded UPDATE claims rows; a hint only makes it run sooner.

    This runner may claim until `leased_until` (of the loop's clock); without leases it is the only runner. `slots`
    bounds how many commands run at once. A run whose server has not answered yet takes no slot, and while a server is
    being tried no more of its runs are claimed: a dead host costs the others nothing.
    """

    name = "dispatcher"
    address = PENDING

    def __init__(self, *, bus: Bus, parts: Parts, runner_id: str, slots: int, ways: dict[str, RunStrategy]) -> None:
        super().__init__(bus=bus)
        self.parts = parts
        self.runner_id = runner_id
        self.slots = slots
        self.ways = ways
        self.drives: dict[int, Drive] = {}
        self._room = asyncio.Semaphore(slots)
        self._tasks: dict[Drive, asyncio.Task[None]] = {}
        self._on_server: Counter[int] = Counter()
        self._reached: dict[int, float] = {}
        self._strays_due = 0.0
        self._draining = False
        self._left_pending = True
        self.leased_until = math.inf

    async def adopt(self) -> int:
        """Adopt the runs that another process left running. Return their number."""
        rows = await self.parts.store.run(transitions.adopt, runner_id=self.runner_id)
        self._drive_all(rows)
        return len(rows)

    async def take_over(self) -> int:
        """Adopt the runs of dead runners, where there are several runners. Return their number."""
        if self._draining:
            return 0
        rows = await self.parts.store.run(runners.take_over, self.runner_id)
        self._drive_all(rows)
        return len(rows)

    async def stop_lost_runs(self) -> None:
        """After our lease had expired, stop driving the runs that others have adopted."""
        driven = tuple(self._tasks)
        kept = await self.parts.store.read(runners.list_execution_ids, self.runner_id)
        for drive in driven:
            if drive.row.id not in kept:
                drive.leave()

    def extend_lease(self, until: float) -> None:
        """Claim until that moment of the loop's clock, because there are other runners."""
        self.leased_until = until

    async def tick(self) -> float:
        if asyncio.get_running_loop().time() >= self.leased_until:
            return self.poll_seconds
        await self._find_strays()
        if not self.was_hinted and not await self.parts.store.read(claims.has_pending):
            self._left_pending = False
            return self.poll_seconds
        tried = self._find_silent_servers()
        free = self.slots - sum(drive.row.server_id not in tried for drive in self.drives.values())
        if free <= 0:
            self._left_pending = True
            return self.poll_seconds
        rows = await self._claim(free, tried)
        self._drive_all(rows)
        self._left_pending = len(rows) >= free or bool(tried)
        if not rows and not tried:
            self._left_pending = await self.parts.store.read(claims.has_pending)
        return 0.0 if _may_claim_more(rows) else self.poll_seconds

    async def _claim(self, limit: int, skip: set[int]) -> list[TaskExecution]:
        begun = time.perf_counter()
        rows = await self.parts.store.run(
            claims.claim, runner_id=self.runner_id, at=self.parts.clock(), limit=limit, skip=skip
        )
        self.parts.observer.note_claim(time.perf_counter() - begun, rows)
        return rows

    def cancel(self, execution_id: int) -> None:
        drive = self.drives.get(execution_id)
        if drive is not None:
            drive.cancel()

    async def drain(self, seconds: float) -> None:
        """Stop claiming; give attached runs `seconds` to end, then end them. Durable runs go on.

        Runs that are left stay RUNNING in the table without a driver, and the next runner adopts them. So do runs that
        are handed to this runner from now on: driving them over connections that close would record them as lost.
        """
        self._draining = True
        await self.stop()
        for drive in self._tasks:
            if drive.may_leave:
                drive.leave()
        await self._wait_for_drives(seconds)
        for drive in self._tasks:
            drive.stop()
        await self._wait_for_drives(STOP_SECONDS)
        for drive in self._tasks:
            drive.leave()
        await self._wait_for_drives(None)

    async def _wait_for_drives(self, seconds: float | None) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=seconds)

    async def _find_strays(self) -> None:
        """Adopt rows that this runner claimed and does not drive: the claim was committed, but its answer got lost."""
        now = asyncio.get_running_loop().time()
        if now >= self._strays_due:
            self._strays_due = now + STRAYS_SECONDS
            sole, driven = self.leased_until == math.inf, tuple(self.drives)
            store, id = self.parts.store, self.runner_id
            if await store.read(transitions.list_strays, runner_id=id, driven=driven, sole=sole):
                found = await store.run(transitions.adopt_strays, runner_id=id, driven=driven, sole=sole)
                self._drive_all(found)

    def _find_silent_servers(self) -> set[int]:
        """Return the servers with runs that wait for a connection, and that have not given one lately."""
        since = asyncio.get_running_loop().time() - REACHED_SECONDS
        self._reached = {id: at for id, at in self._reached.items() if at > since}
        waiting = {drive.row.server_id for drive in self.drives.values() if not drive.was_reached}
        return waiting - self._reached.keys()

    def _mark_reached(self, server_id: int) -> None:
        if server_id not in self._reached:
            self._claim_left()
        self._reached[server_id] = asyncio.get_running_loop().time()

    def _drive_all(self, rows: list[TaskExecution]) -> None:
        if self._draining:
            return
        for row in rows:
            self._drive(row)
            self.bus.publish(execution_address(row.id), row)
        if rows:
            self.bus.hint(EXECUTIONS)

    def _drive(self, row: TaskExecution) -> None:
        when_reached = partial(self._mark_reached, row.server_id)
        drive = Drive(
            self.parts,
            row,
            self.ways,
            room=self._room,
            when_reached=when_reached,
            when_recorded=self._claim_in_place_of,
        )
        task = drive.start()
        self._on_server[row.server_id] += 1
        self.drives[row.id] = drive
        self._tasks[drive] = task
        task.add_done_callback(partial(self._forget_drive, drive))

    def _claim_left(self) -> None:
        """Claim again, if the last claim may have left executions pending."""
        if self._left_pending:
            self.bus.hint(PENDING)

    def _claim_in_place_of(self, drive: Drive) -> None:
        """Claim what waited for the slot or for the server of a drive that ends; if nothing can have, spare the query.

        Pending executions that wait for what another runner does are found by the next poll.
        """
        if self._left_pending or drive.fills_server(self._on_server[drive.row.server_id]):
            self.bus.hint(PENDING)

    def _forget_drive(self, drive: Drive, task: "asyncio.Task[None]") -> None:
        self._claim_in_place_of(drive)
        self._on_server[drive.row.server_id] -= 1
        if not self._on_server[drive.row.server_id]:
            del self._on_server[drive.row.server_id]
        del self._tasks[drive]
        if self.drives.get(drive.row.id) is drive:  # else another runner adopted it, and it is ours again
            del self.drives[drive.row.id]
        if not task.cancelled() and task.exception() is not None:
            log.error("an execution's driver failed", execution=drive.row.id, exc_info=task.exception())


def _may_claim_more(claimed: list[TaskExecution]) -> bool:
    """True if the claim reached its limit for a user on a server, so that more rows may be pending."""
    return any(count >= claims.EACH for count in Counter((row.server_id, row.created_by) for row in claimed).values())


class CancelRelay(BackgroundLoop):
    """Passes cancel requests from the table to the drives."""

    name = "cancels"
    address = CANCELS

    def __init__(self, *, bus: Bus, dispatcher: Dispatcher) -> None:
        super().__init__(bus=bus)
        self.dispatcher = dispatcher

    async def tick(self) -> float:
        if self.dispatcher.drives:
            store = self.dispatcher.parts.store
            for id in await store.read(transitions.list_cancel_requests, self.dispatcher.runner_id):
                self.dispatcher.cancel(id)
        return self.poll_seconds
