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

from db.executions import FORGOTTEN
from db.models import TaskExecution
from db.values import Mode, Reason, Stream
from runner.admission.authorization import NOT_ALLOWED
from runner.admission.decision import PolicyDecision
from runner.bus import EXECUTIONS, PENDING, execution_address
from runner.execution import endpoint, run_secrets, start_check
from runner.execution.outcome import Outcome, StopReport, build_failure, build_loss, conclude_cancelled
from runner.execution.parts import Parts
from runner.execution.run_secrets import RunSecrets, SecretMissing
from runner.execution.start_check import StartCheck, TaskStopped
from runner.output.buffer import OutputBuffer
from runner.output.matcher import build_matcher
from runner.secrets.vault import VaultError
from runner.ssh.attempts import CancelRequested, DeadlineExceeded, RetryPolicy, connect_with_retries, interruptible
from runner.ssh.protocol import ConnectFailed, EarlyOutput, Endpoint, ShellSource
from runner.store_retry import retry_until_available

log = structlog.get_logger()

BEYOND_LIMIT_SECONDS = 600.0
STOP_SECONDS = 60.0
LAST_TRY = RetryPolicy(attempts=None, seconds=30.0)
ABANDONED = "sshcast stopped while this attached run was going on"


class RunStrategy(Protocol):
    """One way of running a command over a connection: durable or attached."""

    async def __call__(self, drive: "Drive", shells: ShellSource) -> Outcome: ...


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
    ways: dict[str, RunStrategy]
    sink: OutputBuffer
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
    refused: PolicyDecision | None = None
    secrets: RunSecrets = field(default_factory=RunSecrets)
    offsets: dict[Stream, int] = field(default_factory=dict)
    afterwards: Callable[[], Awaitable[None]] | None = None
    held: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    def of(
        cls, parts: Parts, row: TaskExecution, ways: dict[str, RunStrategy], *, room: asyncio.Semaphore | None = None
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
                outcome = await self._drive_to_outcome()
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

    async def record_progress(self, values: dict[str, Any]) -> None:
        """Record something about the running execution. `remote` must be noted before anything is started there.

        With it goes what the run takes of secrets. Raises TakenOver when another runner drives it by now, TaskStopped.
        """
        begins = not self.begun and values.get("remote") is not None
        sealed = run_secrets.seal(self.row.id, self.secrets, self.parts.vault) if begins else {}
        self.begun = self.begun or begins
        self.mode = values.get("mode", self.mode)
        kept = {"mode": self.mode} | values | sealed
        update = partial(self.parts.store.run, start_check.record_start, self.row, kept, begins=begins)
        if not await retry_until_available(update):
            raise TakenOver

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[ShellSource]:
        """A connection to the server with a shell that has answered, tried for as long as is sensible at this stage.

        Raises ConnectFailed; before the start, also CancelRequested.
        """
        async with AsyncExitStack() as held:
            self.connected = False
            shells = await self._connect(held)
            self.connected = True
            if self.when_reached is not None:
                self.when_reached()
            self.reached = True
            yield shells

    def conclude_unstarted(self, error: ConnectFailed) -> Outcome:
        """Nothing was: what was printed instead is kept as its output."""
        self.keep_early_output(error.early_output)
        return build_failure(Reason(error.reason), error.detail)

    def keep_early_output(self, early_output: EarlyOutput) -> None:
        for stream, data in early_output:
            self.sink.write(stream, data)

    async def _drive_to_outcome(self) -> Outcome:
        """How it ended. A failure of ours after the start leaves the command's end unknown, and says so."""
        try:
            outcome = await self._connect_and_run()
        except CancelRequested:
            outcome = conclude_cancelled()
        except TaskStopped as error:
            outcome = error.outcome
        except ConnectFailed as error:
            outcome = self._conclude_unreached(error)
        except TakenOver:
            raise
        except Exception as error:
            log.error("driving an execution failed", execution=self.row.id, exc_info=error)
            why = f"sshcast could not run it ({type(error).__name__}); see its log"
            outcome = build_loss(why) if self.begun else build_failure(Reason.START_FAILED, why)
        if self.stopping and outcome.reason is Reason.CANCELLED:
            return replace(outcome, message=f"sshcast was stopping: {outcome.message}")
        return outcome

    async def _connect_and_run(self) -> Outcome:
        check = await retry_until_available(lambda: self.parts.store.read(start_check.load, self.row))
        server = check.server
        if not self.begun and (refusal := await self._find_refusal(check)):
            return refusal
        if server is None:
            return build_loss("the server was deleted while the command ran")
        try:
            self.target = endpoint.build_endpoint(server, self.parts.vault)
        except VaultError:
            why = "the server's credential cannot be opened with the keys at hand"
            return build_loss(why) if self.begun else build_failure(Reason.START_FAILED, why)
        try:
            self.secrets = run_secrets.unseal(
                self.row, check.secrets, self.parts.vault, begun=self.begun, stdin=check.stdin
            )
        except SecretMissing as error:
            return build_loss(str(error)) if self.begun else build_failure(Reason.START_FAILED, str(error))
        self.offsets = self.sink.start_masking(build_matcher(self.secrets.hidden) if self.secrets.hidden else None)
        self.mode = self.mode or server.run_mode
        async with self.channel() as shells, AsyncExitStack() as held:
            if not self.begun:
                async with interruptible(self.cancelled):
                    await held.enter_async_context(self.room)
            return await self._run(shells)

    async def _run(self, shells: ShellSource) -> Outcome:
        """Stopping is bounded too: a target that hangs must not leave the run without an end."""
        beyond = STOP_SECONDS if self.mode == Mode.ATTACHED else BEYOND_LIMIT_SECONDS
        try:
            async with interruptible(self.cancelled, seconds=self.row.timeout_seconds + beyond, grace=STOP_SECONDS):
                return await self.ways[self.mode or Mode.ATTACHED](self, shells)
        except CancelRequested:
            return StopReport(Reason.CANCELLED, None).build_outcome(self.row.timeout_seconds)
        except DeadlineExceeded:
            if self.mode == Mode.DURABLE:
                silent = "told nothing of the run" if self.connected else "could not be reached again"
                return build_loss(f"its server {silent} for too long after its time limit")
            return StopReport(Reason.TIMEOUT, None).build_outcome(self.row.timeout_seconds)

    async def _find_refusal(self, check: StartCheck) -> Outcome | None:
        """Why it is not to be started, if it is not. What is found by now is recorded where it differs."""
        if not check.allowed:
            return build_failure(Reason.NOT_ALLOWED, f"the user in whose name it was to run {NOT_ALLOWED}")
        if check.server is None or not check.server.enabled:
            return build_failure(
                Reason.START_FAILED, "the server was deleted or disabled before the command could start"
            )
        found = start_check.decide(self.parts.policy, self.parts.vault, self.row, check)
        if found.refusal is not None:
            self.refused = found
            return build_failure(Reason.REFUSED_BY_POLICY, found.refusal)
        if changed := start_check.changed_columns(self.row, found):
            await self.record_progress(changed)
        return None

    async def _connect(self, held: AsyncExitStack) -> ShellSource:
        if self.target is None:
            raise ValueError("the server is not known yet")
        connect = partial(connect_with_retries, self.parts.pool, self.target, held=held)
        if not self.begun:
            age = (self.parts.clock() - self.row.created_at).total_seconds()
            since = asyncio.get_running_loop().time() - age
            return await connect(patience=self.parts.patience, cancelled=self.cancelled, since=since)
        if self.mode == Mode.ATTACHED:
            return await connect(patience=LAST_TRY, cancelled=asyncio.Event())
        try:
            seconds = self.row.timeout_seconds + BEYOND_LIMIT_SECONDS
            return await connect(patience=RetryPolicy(attempts=None, seconds=seconds), cancelled=self.cancelled)
        except CancelRequested:
            return await connect(patience=LAST_TRY, cancelled=asyncio.Event())

    def _conclude_unreached(self, error: ConnectFailed) -> Outcome:
        if not self.begun:
            return self.conclude_unstarted(error)
        if self.mode == Mode.ATTACHED:
            return build_loss(f"{ABANDONED}, and what is left of it could not be ended ({error.detail})")
        if self.cancelled.is_set():
            return StopReport(Reason.CANCELLED, None).build_outcome(self.row.timeout_seconds)
        if error.reason == Reason.UNREACHABLE:
            return build_loss(f"its server could not be reached again ({error.detail})")
        return build_loss(f"its server let nobody ask for the run again ({error.detail})")

    async def _finish(self, outcome: Outcome) -> bool:
        """Whether it is our record that stands: else another runner goes on with what is on the target."""
        shown = {name: self.secrets.mask(getattr(outcome, name)) for name in ("message", "exit_signal")}
        refused = self.refused.build_columns() if self.refused is not None else {}
        values = outcome.build_columns() | shown | self._build_end_columns() | refused
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
        finish = partial(self.parts.store.run, start_check.finish, self.row, values, self.refused, end)
        ours = await retry_until_available(finish)
        if not ours:
            log.warning("an execution's end was recorded by another runner", execution=self.row.id)
        return ours

    def _build_end_columns(self) -> dict[str, Any]:
        now = self.parts.clock()
        started = self.row.start_time or now
        return {
            "mode": self.mode,
            "end_time": now,
            "duration_ms": max(0, round((now - started).total_seconds() * 1000)),
            "truncated": self.sink.truncated,
            **FORGOTTEN,
        }
