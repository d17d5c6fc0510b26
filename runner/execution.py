"""Drives one claimed execution to its final state.

look at the policy again -> connect -> run -> flush its output -> one guarded UPDATE. A driver whose fence is stale
changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import structlog

from db.models import TaskExecution
from db.values import Mode, Reason, State, Stream
from runner import endpoint, launching, run_secrets
from runner.bus import EXECUTIONS, PENDING, execution_address
from runner.connecting import CancelRequested, Overdue, Patience, attempts, unless
from runner.connection import ConnectFailed, Endpoint, Printed, Shells
from runner.launching import Look, TaskStopped
from runner.outcome import Outcome, Stopped, failed, lost
from runner.parts import Parts
from runner.permission import NOT_ALLOWED
from runner.persistence import insist
from runner.ruling import Ruling
from runner.run_secrets import RunSecrets, SecretMissing
from runner.sink import Sink
from runner.vault import VaultError
from runner.veil import veil_of

log = structlog.get_logger()

BEYOND_LIMIT_SECONDS = 600.0
STOP_SECONDS = 60.0
LAST_TRY = Patience(attempts=None, seconds=30.0)
ABANDONED = "sshcast stopped while this attached run was going on"


class Way(Protocol):
    """One way of running a command over a connection: durable or attached."""

    async def __call__(self, drive: "Drive", shells: Shells) -> Outcome: ...


class TakenOver(Exception):
    """Another runner drives this execution by now: nothing that we do for it counts."""


@dataclass(slots=True, eq=False)
class Drive:
    """One execution being driven; `cancelled` asks it to stop. Cancelling `run` leaves the command and its row alone.

    `refused`: what the policy says of it by now, if that is no. `begun`: the command may have been started. `reached`:
    its server gave a channel; `connected`: we have one now. `ending`: how it ended is known. `afterwards` is done once
    that is recorded by us; `held` is let go in any case. `offsets`: how much of each stream need not be read again.
    """

    parts: Parts
    row: TaskExecution
    ways: dict[str, Way]
    sink: Sink
    room: asyncio.Semaphore
    begun: bool
    mode: str | None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    when_reached: Callable[[], object] | None = None
    stopping: bool = False
    reached: bool = False
    connected: bool = False
    ending: bool = False
    target: Endpoint | None = None
    refused: Ruling | None = None
    secrets: RunSecrets = field(default_factory=RunSecrets)
    offsets: dict[Stream, int] = field(default_factory=dict)
    afterwards: Callable[[], Awaitable[None]] | None = None
    held: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    def of(
        cls, parts: Parts, row: TaskExecution, ways: dict[str, Way], *, room: asyncio.Semaphore | None = None
    ) -> "Drive":
        """`room` bounds how many commands run at once; one that runs already is not held up by it."""
        drive = cls(
            parts=parts,
            row=row,
            ways=ways,
            sink=parts.writer.open(row),
            room=room or asyncio.Semaphore(),
            begun=row.remote is not None,
            mode=row.mode,
        )
        if row.cancel_at is not None:
            drive.cancelled.set()
        return drive

    @property
    def may_leave(self) -> bool:
        """Whether another runner could go on where we are: nothing runs yet, or what runs does not hang on us."""
        return not self.ending and (not self.begun or self.mode == Mode.DURABLE)

    @property
    def is_abandoned(self) -> bool:
        """It ran attached to a service that is gone, and hangs on nobody by now."""
        return self.row.mode == Mode.ATTACHED and self.row.remote is not None

    async def run(self) -> None:
        """Drive to the end. Every failure ends in a recorded reason; none leaves the row RUNNING."""
        try:
            async with self.held:
                outcome = await self._outcome()
                self.ending = True
                self.sink.finish(cut=outcome.reason is not Reason.EXIT_STATUS)
                await self.sink.flush()
                ours = await self._finish(outcome)
                if ours and self.afterwards is not None:
                    await self.afterwards()
        except TakenOver:
            log.warning("another runner drives this execution now", execution=self.row.id)

    def stop(self) -> None:
        """End the command because we are to stop, and say so in its record."""
        self.stopping = not self.cancelled.is_set()
        self.cancelled.set()

    async def note(self, values: dict[str, Any]) -> None:
        """Record something about the running execution. `remote` must be noted before anything is started there.

        With it goes what the run takes of secrets. Raises TakenOver when another runner drives it by now, TaskStopped.
        """
        begins = not self.begun and values.get("remote") is not None
        sealed = run_secrets.sealed(self.row.id, self.secrets, self.parts.vault) if begins else {}
        self.begun = self.begun or begins
        self.mode = values.get("mode", self.mode)
        kept = {"mode": self.mode} | values | sealed
        update = partial(self.parts.store.run, launching.note, self.row, kept, begins=begins)
        if not await insist(update):
            raise TakenOver

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[Shells]:
        """A connection to the server with a shell that has answered, tried for as long as is sensible at this stage.

        Raises ConnectFailed; before the start, also CancelRequested.
        """
        async with AsyncExitStack() as held:
            self.connected = False
            shells = await self._reach(held)
            self.connected = True
            if self.when_reached is not None:
                self.when_reached()
            self.reached = True
            yield shells

    def not_started(self, error: ConnectFailed) -> Outcome:
        """Nothing was: what was printed instead is kept as its output."""
        self.keep_printed(error.printed)
        return failed(Reason(error.reason), error.detail)

    def keep_printed(self, printed: Printed) -> None:
        for stream, data in printed:
            self.sink.write(stream, data)

    async def _outcome(self) -> Outcome:
        """How it ended. A failure of ours after the start leaves the command's end unknown, and says so."""
        try:
            outcome = await self._driven()
        except CancelRequested:
            outcome = Outcome(
                state=State.CANCELLED,
                reason=Reason.CANCELLED,
                message="cancelled before it started",
            )
        except TaskStopped as error:
            outcome = error.outcome
        except ConnectFailed as error:
            outcome = self._unreached(error)
        except TakenOver:
            raise
        except Exception as error:
            log.error("driving an execution failed", execution=self.row.id, exc_info=error)
            why = f"sshcast could not run it ({type(error).__name__}); see its log"
            outcome = lost(why) if self.begun else failed(Reason.START_FAILED, why)
        if self.stopping and outcome.reason is Reason.CANCELLED:
            return replace(outcome, message=f"sshcast was stopping: {outcome.message}")
        return outcome

    async def _driven(self) -> Outcome:
        seen = await insist(lambda: self.parts.store.read(launching.look, self.row))
        server = seen.server
        if not self.begun and (refusal := await self._refusal(seen)):
            return refusal
        if server is None:
            return lost("the server was deleted while the command ran")
        try:
            self.target = endpoint.of(server, self.parts.vault)
        except VaultError:
            why = "the server's credential cannot be opened with the keys at hand"
            return lost(why) if self.begun else failed(Reason.START_FAILED, why)
        try:
            self.secrets = run_secrets.of(self.row, seen.secrets, self.parts.vault, begun=self.begun, stdin=seen.stdin)
        except SecretMissing as error:
            return lost(str(error)) if self.begun else failed(Reason.START_FAILED, str(error))
        self.offsets = self.sink.hide(veil_of(self.secrets.hidden) if self.secrets.hidden else None)
        self.mode = self.mode or server.run_mode
        async with self.channel() as shells, AsyncExitStack() as held:
            if not self.begun:
                async with unless(self.cancelled):
                    await held.enter_async_context(self.room)
            return await self._run(shells)

    async def _run(self, shells: Shells) -> Outcome:
        """Stopping is bounded too: a target that hangs must not leave the run without an end."""
        beyond = STOP_SECONDS if self.mode == Mode.ATTACHED else BEYOND_LIMIT_SECONDS
        try:
            async with unless(self.cancelled, seconds=self.row.timeout_seconds + beyond, grace=STOP_SECONDS):
                return await self.ways[self.mode or Mode.ATTACHED](self, shells)
        except CancelRequested:
            return Stopped(Reason.CANCELLED, None).outcome(self.row.timeout_seconds)
        except Overdue:
            if self.mode == Mode.DURABLE:
                silent = "told nothing of the run" if self.connected else "could not be reached again"
                return lost(f"its server {silent} for too long after its time limit")
            return Stopped(Reason.TIMEOUT, None).outcome(self.row.timeout_seconds)

    async def _refusal(self, seen: Look) -> Outcome | None:
        """Why it is not to be started, if it is not. What is found by now is recorded where it differs."""
        if not seen.allowed:
            return failed(Reason.NOT_ALLOWED, f"the user in whose name it was to run {NOT_ALLOWED}")
        if seen.server is None or not seen.server.enabled:
            return failed(Reason.START_FAILED, "the server was deleted or disabled before the command could start")
        found = launching.judged(self.parts.policy, self.parts.vault, self.row, seen)
        if found.refusal is not None:
            self.refused = found
            return failed(Reason.REFUSED_BY_POLICY, found.refusal)
        if news := launching.news(self.row, found):
            await self.note(news)
        return None

    async def _reach(self, held: AsyncExitStack) -> Shells:
        if self.target is None:
            raise ValueError("the server is not known yet")
        reach = partial(attempts, self.parts.pool, self.target, held=held)
        if not self.begun:
            age = (self.parts.clock() - self.row.created_at).total_seconds()
            since = asyncio.get_running_loop().time() - age
            return await reach(patience=self.parts.patience, cancelled=self.cancelled, since=since)
        if self.mode == Mode.ATTACHED:
            return await reach(patience=LAST_TRY, cancelled=asyncio.Event())
        try:
            seconds = self.row.timeout_seconds + BEYOND_LIMIT_SECONDS
            return await reach(patience=Patience(attempts=None, seconds=seconds), cancelled=self.cancelled)
        except CancelRequested:
            return await reach(patience=LAST_TRY, cancelled=asyncio.Event())

    def _unreached(self, error: ConnectFailed) -> Outcome:
        if not self.begun:
            return self.not_started(error)
        if self.mode == Mode.ATTACHED:
            return lost(f"{ABANDONED}, and what is left of it could not be ended ({error.detail})")
        if self.cancelled.is_set():
            return Stopped(Reason.CANCELLED, None).outcome(self.row.timeout_seconds)
        if error.reason == Reason.UNREACHABLE:
            return lost(f"its server could not be reached again ({error.detail})")
        return lost(f"its server let nobody ask for the run again ({error.detail})")

    async def _finish(self, outcome: Outcome) -> bool:
        """Whether it is our record that stands: else another runner goes on with what is on the target."""
        shown = {name: self.secrets.masked(getattr(outcome, name)) for name in ("message", "exit_signal")}
        refused = self.refused.record() if self.refused is not None else {}
        values = outcome.values() | shown | self._ending() | refused
        try:
            ours = await self._record(values)
        except Exception as error:
            log.error("an execution's end cannot be recorded whole", execution=self.row.id, exc_info=error)
            short = {"message": "its record is not whole: see sshcast's log", "exit_signal": None}
            ours = await self._record(values | short)
        self.parts.bus.hint(execution_address(self.row.id), EXECUTIONS, PENDING)
        return ours

    async def _record(self, values: dict[str, Any]) -> bool:
        end = self.parts.clock()
        finish = partial(self.parts.store.run, launching.finish, self.row, values, self.refused, end)
        ours = await insist(finish)
        if not ours:
            log.warning("an execution's end was recorded by another runner", execution=self.row.id)
        return ours

    def _ending(self) -> dict[str, Any]:
        now = self.parts.clock()
        started = self.row.start_time or now
        return {
            "mode": self.mode,
            "end_time": now,
            "duration_ms": max(0, round((now - started).total_seconds() * 1000)),
            "truncated": self.sink.truncated,
            **run_secrets.FORGOTTEN,
        }
