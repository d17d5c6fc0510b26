"""Drives one claimed execution to its final state.

The steps: check the policy again, connect, run, flush the output, one guarded UPDATE, tidy up. A drive whose fence is
stale changes nothing.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from db.models import Server, TaskExecution
from db.start_checks import StartFacts
from db.values import Mode, Reason, Stream
from runner.admission.authorization import NOT_ALLOWED
from runner.callback_event import CallbackEvent
from runner.execution import endpoint, run_secrets, start_check
from runner.execution.connector import BEYOND_LIMIT_SECONDS, Connector
from runner.execution.outcome import Outcome, StopReport, build_failure, build_loss, conclude_cancelled
from runner.execution.parts import Parts
from runner.execution.run_record import RunRecord, TakenOver
from runner.execution.run_secrets import RunSecrets, SecretMissing
from runner.execution.start_check import TaskStopped
from runner.log import get_logger
from runner.secrets.vault import VaultError
from runner.ssh.attempts import CancelRequested, DeadlineExceeded, interruptible
from runner.ssh.protocol import ConnectFailed, EarlyOutput, Endpoint, ShellSource
from runner.store_retry import retry_until_available

log = get_logger()

STOP_SECONDS = 60.0
ABANDONED = "sshcast stopped while this attached run was going on"


class Run:
    """One command on its target, durable or attached. Its drive calls these three methods in this order."""

    async def execute(self) -> Outcome:
        """Run the command, or go on with it, to its end. Raises ConnectFailed if nothing was started."""
        raise NotImplementedError

    async def tidy_up(self) -> None:
        """Remove what the run left on its target. Called once this runner has recorded its end."""

    async def detach(self) -> None:
        """Give up the channel, in any case. A durable command goes on."""


RunStrategy = Callable[["Drive", ShellSource], Run]
"""Makes the run of a drive, which begins with the given connection."""


class Drive:
    """Drives one execution. It owns the run's record, its output, its connection and the task that drives it.

    `room` bounds how many commands run at once; one that runs already is not counted. `cancelled` asks the run to stop.
    `ending` is set once its outcome is known. `offsets` say how much of each stream need not be read again.
    """

    def __init__(
        self,
        parts: Parts,
        row: TaskExecution,
        ways: dict[str, RunStrategy],
        *,
        room: asyncio.Semaphore,
        when_reached: Callable[[], object],
        when_recorded: Callable[["Drive"], object],
    ) -> None:
        self.parts = parts
        self.row = row
        self.output = parts.writer.open(row, when_fenced=self.leave)
        self.cancelled = CallbackEvent()
        self.offsets: dict[Stream, int] = {}
        self._ways = ways
        self._room = room
        self._when_reached = when_reached
        self._when_recorded = when_recorded
        self._server_limit: int | None = None
        self._record = RunRecord(parts, row)
        self._stopping = False
        self._ending = False
        self._connector: Connector | None = None
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None
        if row.cancel_at is not None:
            self.cancel()

    @property
    def may_leave(self) -> bool:
        """True if another runner could take over: nothing runs yet, or the run does not depend on this process."""
        return not self._ending and (not self._record.begun or self._record.mode == Mode.DURABLE)

    @property
    def is_abandoned(self) -> bool:
        """True if the run was attached to a process that is gone."""
        return self.row.mode == Mode.ATTACHED and self.row.remote is not None

    @property
    def was_reached(self) -> bool:
        """True if the server gave a connection."""
        return self._connector is not None and self._connector.reached

    def fills_server(self, running: int) -> bool:
        """Return whether its server may run no more than `running` commands at once, as far as that is known."""
        return self._server_limit is None or running >= self._server_limit

    @property
    def secrets(self) -> RunSecrets:
        return self._record.secrets

    @property
    def target(self) -> Endpoint:
        return self._get_connector().target

    def start(self) -> "asyncio.Task[None]":
        """Start driving, in a task of its own."""
        self._task = asyncio.create_task(self._drive_to_end(), name=f"execution {self.row.id}")
        return self._task

    def leave(self) -> None:
        """Stop driving: the command and its row stay as they are."""
        if self._task is not None:
            self._task.cancel()

    def cancel(self) -> None:
        """Ask the run to stop, for a user."""
        self.cancelled.set()

    def stop(self) -> None:
        """Stop the command because sshcast is stopping; the record says so."""
        self._stopping = not self.cancelled.is_set()
        self.cancelled.set()

    async def record_progress(self, values: dict[str, Any]) -> None:
        """See RunRecord.update."""
        await self._record.update(values)

    def hold(self, values: dict[str, Any]) -> None:
        """See RunRecord.hold."""
        self._record.hold(values)

    def correct_begun(self, begun: bool) -> None:
        """See RunRecord.correct_begun."""
        self._record.correct_begun(begun)

    async def connect(self) -> ShellSource:
        """See Connector.connect."""
        return await self._get_connector().connect()

    async def disconnect(self) -> None:
        """Give the connection back: the run does not need it any more, or it is dead."""
        await self._get_connector().disconnect()

    def conclude_unstarted(self, error: ConnectFailed) -> Outcome:
        """Return the outcome of a run that did not start, and store what was printed instead as its output."""
        self.keep_early_output(error.early_output)
        return build_failure(Reason(error.reason), error.detail)

    def keep_early_output(self, early_output: EarlyOutput) -> None:
        for stream, data in early_output:
            self.output.write(stream, data)

    async def _drive_to_end(self) -> None:
        """Drive the execution to its end. Every failure is recorded with a reason; none leaves the row RUNNING."""
        try:
            outcome = await self._drive_to_outcome()
            self._ending = True
            self.output.finish(cut=outcome.reason is not Reason.EXIT_STATUS)
            ours = await self._record_end(outcome)
            self._when_recorded(self)
            if ours and self._run is not None:
                await self._run.tidy_up()
        except TakenOver:
            log.warning("another runner drives this execution now", execution=self.row.id)
        finally:
            if self._run is not None:
                await self._run.detach()

    async def _record_end(self, outcome: Outcome) -> bool:
        """Record the outcome with the last of the output. Return False if another runner has taken over the run."""
        last = await self.output.take_end()
        try:
            ours = await self._record.finish(outcome, truncated=self.output.is_incomplete, last=last)
        except BaseException:
            self.output.put_back(last)
            raise
        self.output.acknowledge(stale=False)
        return ours

    async def _drive_to_outcome(self) -> Outcome:
        """Drive to an outcome. After an internal error past the start, it says that the command's end is unknown."""
        try:
            outcome = await self._check_and_run()
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
            outcome = self._conclude_failure(f"sshcast could not run it ({type(error).__name__}); see its log")
        if self._stopping and outcome.reason is Reason.CANCELLED:
            return replace(outcome, message=f"sshcast was stopping: {outcome.message}")
        return outcome

    async def _check_and_run(self) -> Outcome:
        check = await retry_until_available(lambda: self.parts.store.read(start_check.load, self.row))
        if not self._record.begun and (refusal := self._find_refusal(check)):
            return refusal
        if check.server is None:
            return build_loss("the server was deleted while the command ran")
        self._server_limit = check.server.max_parallel
        try:
            connector = self._prepare(check, check.server)
        except VaultError:
            return self._conclude_failure("the server's credential cannot be opened with the keys at hand")
        except SecretMissing as error:
            return self._conclude_failure(str(error))
        try:
            return await self._run_connected(await connector.connect())
        finally:
            await connector.disconnect()

    def _prepare(self, check: StartFacts, server: Server) -> Connector:
        """Unseal the credential and the run's secrets. Raises VaultError, SecretMissing."""
        target = endpoint.build_endpoint(server, self.parts.vault, check.jumps)
        found = run_secrets.unseal(
            self.row, check.secrets, self.parts.vault, begun=self._record.begun, stdin=check.stdin
        )
        self._record.keep_secrets(found)
        self.offsets = self.output.start_masking(found.choose_matcher(server.output_encoding))
        self._record.choose_mode(server.run_mode)
        self._connector = Connector(self._record, target, self.cancelled, self._when_reached)
        return self._connector

    async def _run_connected(self, shells: ShellSource) -> Outcome:
        async with AsyncExitStack() as held:
            if not self._record.begun:
                async with interruptible(self.cancelled):
                    await held.enter_async_context(self._room)
            self._run = self._ways[self._record.mode or Mode.ATTACHED](self, shells)
            return await self._execute(self._run)

    async def _execute(self, run: Run) -> Outcome:
        """Run by the chosen strategy. Stopping is bounded too: a target that hangs must not keep the run open."""
        beyond = STOP_SECONDS if self._record.mode == Mode.ATTACHED else BEYOND_LIMIT_SECONDS
        try:
            async with interruptible(self.cancelled, seconds=self.row.timeout_seconds + beyond, grace=STOP_SECONDS):
                return await run.execute()
        except CancelRequested:
            return StopReport(Reason.CANCELLED, None).build_outcome(self.row.timeout_seconds)
        except DeadlineExceeded:
            if self._record.mode == Mode.DURABLE:
                connected = self._get_connector().connected
                silent = "reported nothing about the run" if connected else "could not be reached again"
                return build_loss(f"its server {silent} for too long after its time limit")
            return StopReport(Reason.TIMEOUT, None).build_outcome(self.row.timeout_seconds)

    def _find_refusal(self, check: StartFacts) -> Outcome | None:
        """Return the refusal if the run must not start, else None. A changed decision of the policy is recorded."""
        if not check.allowed:
            return build_failure(Reason.NOT_ALLOWED, f"the user in whose name it was to run {NOT_ALLOWED}")
        if (unusable := start_check.find_unusable_server(check)) is not None:
            return build_failure(Reason.START_FAILED, unusable)
        found = start_check.decide(self.parts.policy, self.parts.vault, self.row, check)
        if found.refusal is not None:
            self._record.refuse(found)
            return build_failure(Reason.REFUSED_BY_POLICY, found.refusal)
        self._record.hold(start_check.changed_columns(self.row, found))
        return None

    def _get_connector(self) -> Connector:
        if self._connector is None:
            raise ValueError("the server is not known yet")
        return self._connector

    def _conclude_failure(self, why: str) -> Outcome:
        """Return the outcome of a run that cannot start or go on."""
        return build_loss(why) if self._record.begun else build_failure(Reason.START_FAILED, why)

    def _conclude_unreached(self, error: ConnectFailed) -> Outcome:
        if not self._record.begun:
            return self.conclude_unstarted(error)
        if self._record.mode == Mode.ATTACHED:
            return build_loss(f"{ABANDONED}, and what is left of it could not be ended ({error.detail})")
        if self.cancelled.is_set():
            return StopReport(Reason.CANCELLED, None).build_outcome(self.row.timeout_seconds)
        if error.reason == Reason.UNREACHABLE:
            return build_loss(f"its server could not be reached again ({error.detail})")
        return build_loss(f"a new connection to its server failed ({error.detail})")
